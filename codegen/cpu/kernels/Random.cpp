#include "codegen/cpu/kernels/Random.h"

namespace mlir::motley::codegen {

/// Low and high words of the 64-bit product of unsigned 32-bit lanes with a constant.
static std::pair<Val, Val> multiplyWords(Val a, uint32_t factor) {
  KernelBuilder &k = *a.kernel;
  Val product = k.convertUnsigned(a, k.i64()) * static_cast<int64_t>(factor);
  return {k.convert(product, k.i32()), k.convert(product >> 32, k.i32())};
}

RandomWords philox(RandomWords counter, Val keyLow, Val keyHigh) {
  for (int round = 0; round < 10; ++round) {
    auto [low0, high0] = multiplyWords(counter[0], 0xD2511F53u);
    auto [low1, high1] = multiplyWords(counter[2], 0xCD9E8D57u);
    counter = {high1 ^ counter[1] ^ keyLow, low1, high0 ^ counter[3] ^ keyHigh, low0};
    keyLow = keyLow + int64_t(0x9E3779B9);
    keyHigh = keyHigh + int64_t(0xBB67AE85);
  }
  return counter;
}

Val unitInterval(Val word) {
  KernelBuilder &k = *word.kernel;
  return (k.convert(word >> 9, k.f32()) + 0.5) * 0x1p-23;
}

Val uniformDraw(const RandomWords &words) {
  Val u = unitInterval(words[0]);
  return fma(u, u.like(2.0), u.like(-1.0));
}

Val normalDraw(const RandomWords &words) {
  Val turn = unitInterval(words[1]);
  turn = turn - select(turn > 0.5, turn.like(1.0), turn.like(0.0)); // exact
  return sqrt(log(unitInterval(words[0])) * -2.0) * sinCosOfTurn(turn).second;
}

} // namespace mlir::motley::codegen
