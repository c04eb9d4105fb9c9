// Choices that each row makes by itself: 1 where the row goes to the expert, else 0.
#include "codegen/cpu/kernels/Preference.h"
#include "codegen/cpu/kernels/RowBlocks.h"

namespace mlir::motley::codegen {

static constexpr int64_t kLowWord = 0x7FFFFFFF; // an index of i32 in reverse order, as an unsigned word

Val preference(Val score, Val index) {
  KernelBuilder &k = *score.kernel;
  Val bits = k.bitcast(select(score == 0.0, score.like(0.0), score), k.i32());
  Val order = bits ^ (shiftRightSigned(bits, 31) & 0x7FFFFFFF);
  order = select(score != score, order.like(int64_t(std::numeric_limits<int32_t>::min())), order);
  return (k.convert(order, k.i64()) << 32) | k.convertUnsigned(index ^ kLowWord, k.i64());
}

Val indexOf(Val preference) {
  KernelBuilder &k = *preference.kernel;
  return k.convert(preference, k.i32()) ^ kLowWord;
}

namespace {

using Vals = KernelBuilder::Vals;

/// The preferences of one row in the calling thread's scratch, filled up with kNoPreference to whole vectors. They are
/// distinct, so that a number cuts them in two.
class RowPreferences {
public:
  RowPreferences(KernelBuilder &k, int64_t numExperts)
      : k(k), numExperts(numExperts), buffer(k.scratch(k.i64(), {(numExperts + kLanes - 1) / kLanes * kLanes})) {}

  /// Experts whose entry of `allowed` (if there) is 0 are not preferred at all.
  void fill(Buffer scores, Buffer allowed) {
    Val none = k.constant(kNoPreference, k.vectorOf(k.i64()));
    k.columns(numExperts, [&](Val column, Val mask) {
      Val expert = k.iota(k.i32()) + k.convert(column, k.i32());
      Val value = preference(scores.loadVector(column, kLanes, mask), expert);
      if (allowed)
        value = select(allowed.loadVector(column, kLanes, mask) != 0, value, none);
      buffer.store(mask ? select(mask, value, none) : value, column);
    });
  }
  /// The greatest below `limit`; kNoPreference if there is none.
  Val greatestBelow(Val limit) {
    auto greater = [](Val a, Val b) { return max(a, b); };
    Vals lanes = k.foldColumns(
        buffer.size(0), {k.index(kNoPreference)},
        [&](Val column, Val, ArrayRef<Val> state) {
          Val value = buffer.loadVector(column);
          return Vals{max(select(value < limit, value, value.like(kNoPreference)), state[0])};
        },
        greater);
    return k.reduce(lanes[0], greater);
  }
  /// Chooses the experts of at least `least`.
  void choose(Buffer chosen, Val least) {
    k.columns(numExperts, [&](Val column, Val mask) {
      Val value = buffer.loadVector(column);
      chosen.store(asInt(k, (value >= least) & (value > kNoPreference)), column, mask);
    });
  }

private:
  KernelBuilder &k;
  int64_t numExperts;
  Buffer buffer;
};

} // namespace

FailureOr<int64_t> emit(plan::ChooseExpertsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned next = 0;
  Buffer scores = k.operand(next++), allowed = family.getHasAllowed() ? k.operand(next++) : Buffer();
  Buffer chosen = k.operand(next++);
  RowPreferences preferences(k, scores.size(1));
  blocksOfRows(k, k.index(scores.size(0)), [&](Val r) {
    preferences.fill(scores.row(r), allowed ? allowed.row(r) : Buffer());
    Vals least = k.loop(0, family.getK(), 1, {k.index(std::numeric_limits<int64_t>::max())},
                        [&](Val, ArrayRef<Val> last) { return Vals{preferences.greatestBelow(last[0])}; });
    preferences.choose(chosen.row(r), least[0]);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::ChooseTopPAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer scores = k.operand(0), chosen = k.operand(1);
  // Scores are f32, so is what their sum must reach; the sum is kept in f64, where no order of terms matters.
  Val wanted = k.constant(static_cast<double>(static_cast<float>(family.getP().getValueAsDouble())), k.f64());
  RowPreferences preferences(k, scores.size(1));
  blocksOfRows(k, k.index(scores.size(0)), [&](Val r) {
    Buffer row = scores.row(r);
    preferences.fill(row, Buffer());
    Vals initial{k.index(std::numeric_limits<int64_t>::max()), k.constant(0.0, k.f64())};
    Vals least = k.loop(0, scores.size(1), 1, initial, [&](Val, ArrayRef<Val> state) {
      auto take = [&] {
        Val best = preferences.greatestBelow(state[0]);
        Val score = k.convert(row.load(k.convert(indexOf(best), k.i64())), k.f64());
        return Vals{best, select(score != score, state[1], state[1] + score)};
      };
      return k.choose(state[1] < wanted, take, [&] { return Vals(state); });
    });
    preferences.choose(chosen.row(r), least[0]);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::ChooseAboveAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer scores = k.operand(0), chosen = k.operand(1);
  Val threshold = k.constant(family.getThreshold().getValueAsDouble(), k.f32());
  int64_t unitElements = kRowsPerBlock * scores.size(1);
  k.units([&](Val unit) {
    Val lower = unit * unitElements;
    k.elements(lower, min(lower + unitElements, k.index(scores.numElements())), [&](Val element, Val mask) {
      chosen.store(asInt(k, scores.loadVector(element, kLanes, mask) > threshold), element, mask);
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::OneHotAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer ids = k.operand(0), chosen = k.operand(1);
  blocksOfRows(k, k.index(ids.size(0)), [&](Val r) {
    Val id = ids.load(r);
    k.columns(chosen.size(1), [&](Val column, Val mask) {
      Val expert = k.iota(k.i32()) + k.convert(column, k.i32());
      chosen.row(r).store(asInt(k, expert == id), column, mask);
    });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
