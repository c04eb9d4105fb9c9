// Checks the kernels of integer tables: exact.
#include "KernelText.h"

using namespace kernelcheck;

static std::string ints(int64_t size) { return memref({size}, "i32"); }

KERNEL_CHECK(group_by_sorts_stably) {
  const int64_t R = 100, G = 5;
  std::string text = kernelText("group_by", {ints(R), "i32", ints(R), ints(G + 1), ints(R)});
  for (int64_t live : {0, 1, 37, 100}) {
    Groups want = Groups::random(check, G, live, R);
    Buffer<int32_t> ids(R), row(R), offset(G + 1), inverse(R);
    std::copy(want.ids.begin(), want.ids.end(), ids.begin());
    check.run(text, {ids, int32_t(live), row, offset, inverse}, 1);
    check.expectSameBits(offset, want.offset, "offset");
    check.expectSameBits(row, want.row, "row");
    check.expectSameBits(inverse, want.inverse, "inverse");
  }
}

KERNEL_CHECK(group_by_without_ids_is_one_group) {
  const int64_t R = 40;
  std::string text = kernelText("group_by", {"i32", ints(R), ints(2), ints(R)});
  for (int64_t live : {0, 1, 40}) {
    Groups want(1, std::vector<int64_t>(live, 0), R);
    Buffer<int32_t> row(R), offset(2), inverse(R);
    check.run(text, {int32_t(live), row, offset, inverse}, 1);
    check.expectSameBits(offset, want.offset, "offset");
    check.expectSameBits(row, want.row, "row");
    check.expectSameBits(inverse, want.inverse, "inverse");
  }
}

KERNEL_CHECK(reindex_renumbers_rows) {
  const int64_t R = 64;
  std::string text = kernelText("reindex", {ints(R), ints(9), ints(R), ints(R)});
  for (int64_t live : {0, 50}) {
    Groups documents = Groups::random(check, 8, live, R), base = Groups::random(check, 3, live, R);
    Buffer<int32_t> row(R);
    check.run(text, {documents.row, documents.offset, base.inverse, row}, 1);
    for (int64_t s = 0; s < live; ++s)
      check.expect(row[s] == base.inverse[documents.row[s]], "slot " + std::to_string(s) + " names another row");
  }
}

KERNEL_CHECK(permute_gathers_rows) {
  const int64_t R = 600;
  for (int64_t live : {0, 1, 599}) {
    Groups groups = Groups::random(check, 4, live, R);
    Buffer<int32_t> x(R, [](size_t i) { return 7 * int32_t(i); }), y(R);
    check.run(kernelText("permute", {ints(R), ints(R), ints(5), ints(R)}), {x, groups.row, groups.offset, y}, 3, 2);
    for (int64_t s = 0; s < live; ++s)
      check.expect(y[s] == x[groups.row[s]], "integer of slot " + std::to_string(s));
    for (int64_t D : {1, 16, 37}) {
      Buffer<float> from = check.uniforms(R * D), to(R * D);
      check.run(kernelText("permute", {memref({R, D}), ints(R), ints(5), memref({R, D})}),
                {from, groups.row, groups.offset, to}, 3);
      for (int64_t s = 0; s < live; ++s)
        check.expect(std::equal(&to[s * D], &to[s * D] + D, &from[groups.row[s] * D]),
                     "row of slot " + std::to_string(s));
    }
  }
}

KERNEL_CHECK(tiles_cut_groups) {
  const int64_t R = 100;
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{33, 0, 1, 66}, {0, 0, 0, 0}, {16, 16, 32, 0}}) {
    Groups groups = Groups::ofSizes(sizes, R);
    Tiles want(groups, 16);
    Buffer<int32_t> list(want.list.size()), count(1);
    check.run(kernelText("tiles<row_tile = 16>", {ints(5), want.type(), ints(1)}), {groups.offset, list, count}, 1);
    check.expect(count[0] == want.count, "number of tiles");
    for (int64_t i = 0; i < want.count * 3; ++i)
      check.expect(list[i] == want.list[i], "entry " + std::to_string(i));
  }
}

KERNEL_CHECK(clamp_offsets_cuts_to_a_window) {
  Buffer<int32_t> offset{0, 10, 90, 200}, out(4);
  check.run(kernelText("clamp_offsets", {ints(4), "i32", "i32", ints(4)}), {offset, 64, 128, out}, 1);
  check.expectSameBits(out, Buffer<int32_t>{64, 64, 90, 128}, "offsets");
}
