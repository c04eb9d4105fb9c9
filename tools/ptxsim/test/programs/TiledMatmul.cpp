#include "Harness.h"

using namespace programs;

PROGRAM(TiledMatmul, 80) {
  Module module;
  struct {
    int m, n, k;
  } shapes[] = {{1, 1, 1}, {16, 16, 16}, {33, 17, 50}, {48, 64, 80}, {5, 7, 0}};
  for (auto [m, n, k] : shapes) {
    Random random(m + n + k);
    std::vector<float> a, b;
    for (int i = 0; i < m * k; ++i)
      a.push_back(random.eighths());
    for (int i = 0; i < k * n; ++i)
      b.push_back(random.eighths());
    std::vector<double> wanted(m * n);
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j)
        for (int l = 0; l < k; ++l)
          wanted[i * n + j] += double(a[i * k + l]) * b[l * n + j];
    Buffer<float> deviceA(a), deviceB(b), c(m * n);
    launch(module.kernel("matmul"), {.grid = {ceilDiv(n, 16), ceilDiv(m, 16)}, .block = {16, 16}},
           static_cast<const float *>(deviceA.get()), static_cast<const float *>(deviceB.get()), c.get(), m, n, k);
    expectClose("matmul", c.read(), wanted);
  }
}
