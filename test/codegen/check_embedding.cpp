// Checks the look-up of embeddings and its gradient.
#include "KernelText.h"

using namespace kernelcheck;

KERNEL_CHECK(embedding_copies_rows) {
  const int64_t R = 70, V = 50;
  for (int64_t D : {16, 37, 512})
    for (int64_t live : {0, 1, 67}) {
      Groups groups = Groups::ofSizes({live, 0}, R);
      Buffer<float> table = check.uniforms(V * D), y(R * D);
      Buffer<int32_t> token(R, [&](size_t) { return int32_t(check.random() % V); });
      check.run(kernelText("embedding", {memref({V, D}), memref({R}, "i32"), memref({3}, "i32"), memref({R, D})}),
                {table, token, groups.offset, y}, 3, 1);
      for (int64_t r = 0; r < live; ++r)
        check.expect(std::equal(&y[r * D], &y[r * D] + D, &table[token[r] * D]), "row " + std::to_string(r));
      check.expect(live == R || std::isnan(y[live * D]), "a dead row was written");
    }
}

KERNEL_CHECK(embedding_backward_sums_slots) {
  const int64_t R = 300, V = 150;
  for (int64_t D : {16, 37, 128})
    for (bool add : {false, true})
      for (int64_t live : {0, 290}) {
        // Half of the rows have token 7: a group longer than a chunk.
        std::vector<int64_t> ids(live);
        for (int64_t &id : ids)
          id = check.random() % 2 ? 7 : check.random() % V;
        Groups groups(V, ids, R);
        Buffer<float> dy = check.uniforms(R * D), before = check.uniforms(V * D), gradient = before.copy();
        killRows(dy, live, D);
        check.run(kernelText("embedding_backward",
                             {memref({R, D}), memref({R}, "i32"), memref({V + 1}, "i32"), "i1", memref({V, D})}),
                  {dy, groups.row, groups.offset, add, gradient}, 3, 1);
        for (int64_t v = 0; v < V; ++v)
          for (int64_t d = 0; d < D; ++d) {
            double want = add ? before[v * D + d] : 0, magnitude = std::fabs(want);
            for (int64_t s = groups.offset[v]; s < groups.offset[v + 1]; ++s) {
              want += dy[groups.row[s] * D + d];
              magnitude += std::fabs(dy[groups.row[s] * D + d]);
            }
            // Chunks of 64 rows, one after the other: c = 16 as for every sum over rows.
            check.expectNear(gradient[v * D + d], want, 16 * kEpsilon * magnitude, "gradient");
          }
      }
}
