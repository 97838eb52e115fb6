// Writes arrays as .npy files (format 1.0), so that a kernel in C++ can hand its tensors to `stof verify`.
#pragma once

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace npy {

// Type is numpy's: "<f4" for float, "<f2" for half (as uint16_t bits), "|b1" for bool (as uint8_t).
inline void write(const std::string& path, const std::string& type, const std::vector<std::size_t>& shape, const void* data, std::size_t bytes) {
    std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (";
    for (std::size_t extent : shape) {
        header += std::to_string(extent) + ", ";
    }
    header += "), }";
    header.append(63 - (10 + header.size()) % 64, ' ');  // the data starts at a multiple of 64
    header += '\n';
    const auto length = static_cast<std::uint16_t>(header.size());
    const char prefix[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(length & 0xff), static_cast<char>(length >> 8)};
    std::ofstream file(path, std::ios::binary);
    file.write(prefix, sizeof prefix);
    file.write(header.data(), static_cast<std::streamsize>(header.size()));
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
    if (!file) {
        throw std::runtime_error("cannot write " + path);
    }
}

}  // namespace npy
