#!/usr/bin/env bash
# Debian's PoCL (OpenCL on the processor), the loader, and Oclgrind, where they are missing. Prints a folder that holds nothing but Oclgrind's
# .icd file, for OCL_ICD_VENDORS.
set -euo pipefail
folder=$1
missing=()
for package in ocl-icd-libopencl1 pocl-opencl-icd oclgrind; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
    sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
    {
        $sudo apt-get update -q
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends "${missing[@]}"
    } >&2
fi

mkdir -p "$folder"
dpkg-query -L oclgrind | grep '/liboclgrind-rt-icd\.so$' >"$folder/oclgrind.icd"
echo "$folder/"
