// A causal attention kernel in C++ that writes its inputs and output for the oracle:
//   g++ -O2 -std=c++17 attention.cpp -o attention && ./attention OUT_FOLDER [--strict]
//   stof verify --q q.npy --k k.npy --v v.npy --out out.npy --lse lse.npy --mask causal --layout bhsd
// --strict plants a bug: the own position is masked too.
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "npy.hpp"

int main(int argc, char** argv) {
    const std::size_t batch = 1, heads = 2, length = 96, size = 32;
    const std::string folder = argc > 1 ? argv[1] : ".";
    const bool strict = argc > 2 && std::string(argv[2]) == "--strict";
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    const std::vector<std::size_t> shape = {batch, heads, length, size};
    std::vector<float> q(batch * heads * length * size), k(q.size()), v(q.size()), out(q.size()), lse(batch * heads * length);
    for (auto* tensor : {&q, &k, &v}) {
        for (float& x : *tensor) {
            x = normal(random);
        }
    }
    for (std::size_t head = 0; head < batch * heads; ++head) {
        for (std::size_t i = 0; i < length; ++i) {
            const float* query = &q[(head * length + i) * size];
            const std::size_t keys = strict ? i : i + 1;
            std::vector<float> scores(keys);
            float largest = -std::numeric_limits<float>::infinity(), sum = 0;
            for (std::size_t j = 0; j < keys; ++j) {
                for (std::size_t d = 0; d < size; ++d) {
                    scores[j] += query[d] * k[(head * length + j) * size + d];
                }
                scores[j] /= std::sqrt(static_cast<float>(size));
                largest = std::max(largest, scores[j]);
            }
            for (std::size_t j = 0; j < keys; ++j) {
                const float weight = std::exp(scores[j] - largest);
                sum += weight;
                for (std::size_t d = 0; d < size; ++d) {
                    out[(head * length + i) * size + d] += weight * v[(head * length + j) * size + d];
                }
            }
            for (std::size_t d = 0; d < size && sum > 0; ++d) {
                out[(head * length + i) * size + d] /= sum;
            }
            lse[head * length + i] = largest + std::log(sum);
        }
    }
    const auto save = [&](const std::string& name, const std::vector<float>& tensor, const std::vector<std::size_t>& extents) {
        npy::write(folder + "/" + name + ".npy", "<f4", extents, tensor.data(), tensor.size() * sizeof(float));
    };
    save("q", q, shape);
    save("k", k, shape);
    save("v", v, shape);
    save("out", out, shape);
    save("lse", lse, {batch, heads, length});
}
