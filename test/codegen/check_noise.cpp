// Checks noise and hashing against Philox4x32-10 in double.
#include "KernelText.h"
#include "Philox.h"

using namespace kernelcheck;

KERNEL_CHECK(noise_depends_on_index_and_column) {
  const int64_t R = 130;
  const int64_t seed = -0x123456789ABCDEFll, step = 77, site = 0xFFFFFFF3ll;
  for (std::string kind : {"gumbel", "normal", "uniform"})
    for (int64_t E : {1, 4, 37}) {
      Buffer<int32_t> index(R, [&](size_t) { return int32_t(check.random()); });
      Buffer<float> y(R * E);
      check.run(kernelText("noise<" + kind + ">", {memref({R}, "i32"), "i64", "i64", "i64", memref({R, E})}),
                {index, seed, step, site, y}, 3, 2);
      for (int64_t r = 0; r < R; ++r)
        for (int64_t e = 0; e < E; ++e) {
          Words w = philox({{uint32_t(index[r]), uint32_t(e), uint32_t(step), uint32_t(site)}}, uint32_t(seed),
                           uint32_t(uint64_t(seed) >> 32));
          double want = kind == "gumbel"   ? -std::log(-std::log(w.u(0)))
                        : kind == "normal" ? std::sqrt(-2 * std::log(w.u(0))) * std::cos(2 * M_PI * w.u(1))
                                           : 2 * w.u(0) - 1;
          // Two logarithms, or a root (at most 6) times a cosine, each within a few roundings of its own size.
          check.expectNear(y[r * E + e], want,
                           kEpsilon * (kind == "gumbel"   ? 4 * (1 + std::fabs(want))
                                       : kind == "normal" ? 16
                                                          : 1),
                           kind);
        }
    }
}

KERNEL_CHECK(hash_spreads_ids) {
  const int64_t R = 130;
  for (int64_t buckets : {int64_t(1), int64_t(4), int64_t(1000003), int64_t(0x7FFFFFFF)}) {
    int64_t seed = 0xFEDCBA98ll;
    Buffer<int32_t> ids(R, [](size_t i) { return int32_t(i) * 31 - 5; }), y(R);
    Buffer<int32_t> want(R, [&](size_t i) {
      return int32_t(philox({{uint32_t(ids[i]), 0, 0, 0}}, uint32_t(seed), 0).word[0] % uint32_t(buckets));
    });
    check.run(
        kernelText("hash<buckets = " + std::to_string(buckets) + ">", {memref({R}, "i32"), "i64", memref({R}, "i32")}),
        {ids, seed, y}, 3, 2);
    check.expectSameBits(y, want, "buckets");
  }
}
