// Choices that depend on other rows: experts that take their best rows, and experts that have no room for all.
#include "codegen/cpu/kernels/Preference.h"
#include "codegen/cpu/kernels/RowBlocks.h"
#include "codegen/cpu/kernels/Scope.h"

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;

constexpr int64_t kDigitBits = 8;
constexpr int64_t kDigits = 1 << kDigitBits;
constexpr int64_t kSign = std::numeric_limits<int64_t>::min();

/// ceil(share * count), where a product within 2^-20 above an integer counts as that integer.
Val roomFor(KernelBuilder &k, Val count, double share) {
  Val product = k.convert(count, k.f64()) * share - 0x1p-20;
  Val whole = k.convert(product, k.i64()); // towards zero, and the product is above -1
  return select(k.convert(whole, k.f64()) < product, whole + 1, whole);
}

/// Digit of an i64 at a bit, where unsigned order is signed order.
Val digitOf(Val key, Val bit) { return ((key ^ kSign) >> bit) & (kDigits - 1); }

/// What is kept of keys of which only the greatest may be: those above `least`, and `ties` of those equal to it.
struct Cut {
  Val least, ties;

  /// Whether a key is kept, and the ties that are left behind it.
  std::pair<Val, Val> keep(Val key, Val tiesLeft) const {
    Val isTie = key == least;
    return {(key > least) | (isTie & (tiesLeft > 0)), select(isTie, tiesLeft - 1, tiesLeft)};
  }
};

/// The greatest of a list of i64, found digit by digit from the top: after each, the candidates that share the digits
/// of the last one to be kept are left.
class RadixSelect {
public:
  RadixSelect(KernelBuilder &k, int64_t mostKeys)
      : keys(k.scratch(k.i64(), {mostKeys})), k(k), histogram(k.scratch(k.i32(), {kDigits})) {}

  /// Cuts keys[0, count) so that `wanted` <= count are kept. The list is destroyed.
  Cut cut(Val count, Val wanted) {
    Vals state = k.loop(0, 64, kDigitBits, {k.index(0), wanted, count}, [&](Val done, ArrayRef<Val> state) {
      auto narrow = [&] { return narrowBy(k.index(64 - kDigitBits) - done, state[0], state[1], state[2]); };
      return k.choose(state[1] < state[2], narrow, [&] { return Vals(state); });
    });
    return {state[0] ^ kSign, state[1]};
  }

  Buffer keys;

private:
  /// One digit: returns the prefix with it, and how many of how many candidates are wanted.
  Vals narrowBy(Val bit, Val prefix, Val wanted, Val count) {
    k.loop(0, kDigits, kLanes, [&](Val i) { histogram.store(k.constant(0, k.vectorOf(k.i32())), i); });
    k.loop(0, count, 1, [&](Val i) {
      Val digit = digitOf(keys.load(i), bit);
      histogram.store(histogram.load(digit) + 1, digit);
    });
    Vals found = k.loop(0, kDigits, 1, {wanted, k.index(-1)}, [&](Val i, ArrayRef<Val> state) {
      Val digit = digitOfRank(i), size = k.convert(histogram.load(digit), k.i64());
      Val isOpen = state[1] < 0, isHere = isOpen & (state[0] <= size);
      return Vals{select(isOpen & (state[0] > size), state[0] - size, state[0]), select(isHere, digit, state[1])};
    });
    Val digit = found[1];
    Vals left = k.loop(0, count, 1, {k.index(0)}, [&](Val i, ArrayRef<Val> kept) {
      Val key = keys.load(i);
      keys.store(key, kept[0]); // never ahead of i
      return Vals{kept[0] + k.convertUnsigned(digitOf(key, bit) == digit, k.i64())};
    });
    return {prefix | (digit << bit), found[0], left[0]};
  }
  Val digitOfRank(Val rank) { return k.index(kDigits - 1) - rank; }

  KernelBuilder &k;
  Buffer histogram;
};

/// Rows in the order of their index: a stable sort, digit by digit from the bottom.
class RowSorter {
public:
  RowSorter(KernelBuilder &k, int64_t mostRows)
      : entries(k.scratch(k.i64(), {mostRows})), k(k), other(k.scratch(k.i64(), {mostRows})),
        starts(k.scratch(k.i64(), {kDigits})) {}

  /// Entry number i, before the sort.
  void set(Val i, Val row, Val index) { entries.store((k.convert(index, k.i64()) << 32) | row, i); }
  void sort(Val count) {
    for (int64_t bit = 32; bit < 64; bit += kDigitBits) {
      moveBy(k.index(bit), count);
      std::swap(entries, other);
    }
  }
  Val row(Val i) { return entries.load(i) & 0xFFFFFFFF; }

private:
  void moveBy(Val bit, Val count) {
    k.loop(0, kDigits, 1, [&](Val i) { starts.store(k.index(0), i); });
    k.loop(0, count, 1, [&](Val i) {
      Val digit = digitOf(entries.load(i), bit);
      starts.store(starts.load(digit) + 1, digit);
    });
    k.loop(0, kDigits, 1, {k.index(0)}, [&](Val i, ArrayRef<Val> start) {
      Val size = starts.load(i);
      starts.store(start[0], i);
      return Vals{start[0] + size};
    });
    k.loop(0, count, 1, [&](Val i) {
      Val entry = entries.load(i), digit = digitOf(entry, bit), place = starts.load(digit);
      other.store(entry, place);
      starts.store(place + 1, digit);
    });
  }

  Buffer entries;
  KernelBuilder &k;
  Buffer other, starts;
};

/// limit_capacity for one scope.
class CapacityLimit {
public:
  CapacityLimit(KernelBuilder &k, plan::LimitCapacityAttr family) : k(k), family(family) {
    unsigned next = 0;
    chosen = k.operand(next++);
    scores = k.operand(next++);
    index = k.operand(next++);
    scope.emplace(k, next, family.getMap(), family.getHasDocuments());
    result = k.operand(next++);
  }

  void emit() {
    int64_t numRows = chosen.size(0), numExperts = chosen.size(1);
    if (family.getOverflow() == Overflow::reroute) {
      RowSorter sorter(k, numRows);
      Buffer room = k.scratch(k.i64(), {numExperts});
      k.units([&](Val unit) { reroute(unit, sorter, room); });
      return;
    }
    RadixSelect radix(k, numRows);
    k.units([&](Val unit) {
      Val most = mostRows(unit);
      k.loop(0, numExperts, 1, [&](Val e) { drop(unit, e, most, radix); });
    });
  }

private:
  Val entry(Val row, Val expert) { return row * chosen.size(1) + expert; }

  /// The rows that an expert may keep.
  Val mostRows(Val unit) {
    Vals count = scope->rows(unit, {k.index(0)}, [](Val, ArrayRef<Val> count) { return Vals{count[0] + 1}; });
    return roomFor(k, count[0], family.getCapacity().getValueAsDouble());
  }

  void drop(Val unit, Val expert, Val most, RadixSelect &radix) {
    auto keyOf = [&](Val row) {
      bool byScore = family.getOverflow() == Overflow::priority;
      return preference(byScore ? scores.load(entry(row, expert)) : k.constant(0.0, k.f32()), index.load(row));
    };
    Vals count = scope->rows(unit, {k.index(0)}, [&](Val row, ArrayRef<Val> count) {
      auto add = [&] {
        radix.keys.store(keyOf(row), count[0]);
        return Vals{count[0] + 1};
      };
      return k.choose(chosen.load(entry(row, expert)) != 0, add, [&] { return Vals(count); });
    });
    Cut cut = radix.cut(count[0], min(count[0], most));
    scope->rows(unit, {cut.ties}, [&](Val row, ArrayRef<Val> ties) {
      auto decide = [&] {
        auto [isKept, left] = cut.keep(keyOf(row), ties[0]);
        return Vals{asInt(k, isKept), left};
      };
      Vals kept = k.choose(chosen.load(entry(row, expert)) != 0, decide, [&] {
        return Vals{k.constant(0, k.i32()), ties[0]};
      });
      result.store(kept[0], entry(row, expert));
      return Vals{kept[1]};
    });
  }

  void reroute(Val unit, RowSorter &sorter, Buffer room) {
    int64_t numExperts = chosen.size(1);
    Vals count = scope->rows(unit, {k.index(0)}, [&](Val row, ArrayRef<Val> count) {
      sorter.set(count[0], row, index.load(row));
      return Vals{count[0] + 1};
    });
    sorter.sort(count[0]);
    Val most = roomFor(k, count[0], family.getCapacity().getValueAsDouble());
    k.loop(0, numExperts, 1, [&](Val e) { room.store(most, e); });
    k.loop(0, count[0], 1, [&](Val i) {
      Val row = sorter.row(i);
      Vals homeless = k.loop(0, numExperts, 1, {k.index(0)}, [&](Val e, ArrayRef<Val> homeless) {
        Val isChosen = chosen.load(entry(row, e)) != 0, hasRoom = room.load(e) > 0;
        take(row, e, isChosen & hasRoom, room);
        return Vals{select(isChosen & (hasRoom ^ k.constant(1, k.i1())), homeless[0] + 1, homeless[0])};
      });
      k.loop(0, homeless[0], 1, [&](Val) {
        Vals best = k.loop(0, numExperts, 1, {k.index(kNoPreference)}, [&](Val e, ArrayRef<Val> best) {
          Val isFree = (chosen.load(entry(row, e)) == 0) & (result.load(entry(row, e)) == 0) & (room.load(e) > 0);
          Val value = preference(scores.load(entry(row, e)), k.convert(e, k.i32()));
          return Vals{select(isFree, max(value, best[0]), best[0])};
        });
        k.when(best[0] > kNoPreference,
               [&] { take(row, k.convert(indexOf(best[0]), k.i64()), k.constant(1, k.i1()), room); });
      });
    });
  }

  /// Writes whether the row goes to an expert, and takes its place there.
  void take(Val row, Val expert, Val isTaken, Buffer room) {
    result.store(asInt(k, isTaken), entry(row, expert));
    room.store(room.load(expert) - k.convertUnsigned(isTaken, k.i64()), expert);
  }

  KernelBuilder &k;
  plan::LimitCapacityAttr family;
  Buffer chosen, scores, index, result;
  std::optional<Scope> scope;
};

} // namespace

FailureOr<int64_t> emit(plan::ChooseTokensAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned next = 0;
  Buffer scores = k.operand(next++), index = k.operand(next++);
  Scope scope(k, next, family.getMap(), family.getHasDocuments());
  Buffer chosen = k.operand(next++);
  int64_t numExperts = scores.size(1);
  RadixSelect radix(k, scores.size(0));
  k.units([&](Val unit) {
    Val expert = unit % numExperts, number = unit / numExperts;
    auto keyOf = [&](Val row) { return preference(scores.load(row * numExperts + expert), index.load(row)); };
    Vals count = scope.rows(number, {k.index(0)}, [&](Val row, ArrayRef<Val> count) {
      radix.keys.store(keyOf(row), count[0]);
      return Vals{count[0] + 1};
    });
    Cut cut = radix.cut(count[0], roomFor(k, count[0], family.getCapacity().getValueAsDouble()));
    scope.rows(number, {cut.ties}, [&](Val row, ArrayRef<Val> ties) {
      auto [isKept, left] = cut.keep(keyOf(row), ties[0]);
      chosen.store(asInt(k, isKept), row * numExperts + expert);
      return Vals{left};
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::LimitCapacityAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  CapacityLimit(k, family).emit();
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
