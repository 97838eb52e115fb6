#!/usr/bin/env bash
# Prints the path of an ONNX Runtime shared library, fetching it into DEST if it is not there yet.
# ONNX Runtime (MIT) serves the tests as an independent oracle; its npm package is the one that carries a plain library.
# Usage: install-onnxruntime.sh DEST, then STOF_ORT_LIB=<printed path> dotnet test tests/Golden
set -euo pipefail

version=1.30.0
destination=${1:?usage: install-onnxruntime.sh DEST}

case "$(uname -m)" in
  x86_64) architecture=x64 ;;
  aarch64) architecture=arm64 ;;
  *) echo "no ONNX Runtime for $(uname -m)" >&2; exit 1 ;;
esac

mkdir -p "$destination"
destination=$(cd "$destination" && pwd)
library="$destination/node_modules/onnxruntime-node/bin/napi-v6/linux/$architecture/libonnxruntime.so.1"
if [ ! -f "$library" ]; then
  # Install scripts would fetch CUDA libraries; the CPU library needs none of them.
  npm install --prefix "$destination" --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "onnxruntime-node@$version" >&2
fi

test -f "$library" || { echo "the package holds no $library" >&2; exit 1; }
echo "$library"
