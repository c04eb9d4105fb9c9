// Checks that kernels give the same bits at every level of instructions, as codegen/cpu/KernelBuilder.h promises:
// checks run level after level, so a run remembers what the first level computed.
#include "KernelText.h"

using namespace kernelcheck;

static void expectSameAtEveryLevel(Check &check, const Buffer<float> &got, std::vector<float> &first,
                                   const char *what) {
  if (check.level() == 0)
    first.assign(got.begin(), got.end());
  for (size_t i = 0; i < got.size(); ++i)
    if (std::memcmp(&got[i], &first[i], sizeof(float)) != 0)
      return check.fail(std::string(what) + " differs from the first level at element " + std::to_string(i));
}

KERNEL_CHECK(levels_agree) {
  static std::vector<float> norms, attentions, losses, activations, draws;
  const int64_t R = 70, D = 200;
  Groups groups = Groups::ofSizes({R}, R);
  Tiles tiles(groups, 64);
  std::string X = memref({R, D}), F = memref({R}), I = memref({R}, "i32"), offsets = memref({2}, "i32");
  Buffer<float> x = check.uniforms(R * D), gain = check.uniforms(D), y(R * D), statistics(R);
  check.run(kernelText("norm<rms, heads = 1, epsilon = 1.0e-5 : f64, has_bias = false, map = [0]>",
                       {X, memref({1, D}), tiles.type(), X, memref({R, 1})}),
            {x, gain, tiles.list, y, statistics}, tiles.count);
  expectSameAtEveryLevel(check, y, norms, "norm");

  Buffer<float> k = check.uniforms(R * D), v = check.uniforms(R * D), attention(R * D), logSumExp(R * 5);
  check.run(
      kernelText("attention<causal, heads = 5, kv_heads = 5, scale = 0.15 : f64, has_order = false, has_span = false>",
                 {X, X, X, I, offsets, tiles.type(), X, memref({R, 5})}),
      {x, k, v, groups.row, groups.offset, tiles.list, attention, logSumExp}, tiles.count * 5);
  expectSameAtEveryLevel(check, attention, attentions, "attention");

  Buffer<float> ce(R), z(R);
  Buffer<int32_t> target(R, [](size_t i) { return int32_t(i); });
  check.run(
      kernelText("softmax_cross_entropy<z_loss = 1.0e-4 : f64, backward = false>", {X, I, offsets, "i64", F, F}),
      {x, target, groups.offset, int64_t(0), ce, z}, (R + 7) / 8);
  expectSameAtEveryLevel(check, ce, losses, "cross-entropy");

  check.run(
      kernelText("map<num_inputs = 1>", {X, X}, "^bb0(%a: f32):\n  %r = motley.gelu %a : f32\n  motley.yield %r : f32"),
      {x, y}, (R * D + 4095) / 4096);
  expectSameAtEveryLevel(check, y, activations, "gelu");

  check.run(kernelText("initialise<normal, rows = 70, columns = 200>", {X, "i64", "f32", "i64", "i64", "i64"}),
            {y, int64_t(11), 0.02f, int64_t(7), int64_t(0), int64_t(0)}, 3);
  expectSameAtEveryLevel(check, y, draws, "initialise");
}
