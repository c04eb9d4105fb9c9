#include "engine/BulkReduce.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ptxsim {

namespace {

using ptx::Type;

/// Applies a function to the word at `to` until no other host thread came in between.
template <class Word, class Function> void update(uint8_t *to, Function function) {
  auto *word = reinterpret_cast<Word *>(to);
  Word seen = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(word, &seen, function(seen), true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
  }
}

template <class T> T read(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// --- how an element's bits become a number to compute with, and back ---
template <class T> struct Integer {
  using Word = std::make_unsigned_t<T>;
  using Number = T;
  static T number(Word bits) { return T(bits); }
  static Word bits(T number) { return Word(number); }
};

template <class T, class W> struct Floating {
  using Word = W;
  using Number = T;
  static T number(W bits) { return __builtin_bit_cast(T, bits); }
  static W bits(T number) { return __builtin_bit_cast(W, number); }
};

// Sums of two halves are rounded to float first; float has more than twice the bits and two, so rounding twice is
// rounding once.
struct Half {
  using Word = uint16_t;
  using Number = float;
  static float number(uint16_t bits) { return float(__builtin_bit_cast(_Float16, bits)); }
  static uint16_t bits(float number) {
    return std::isnan(number) ? 0x7fff : __builtin_bit_cast(uint16_t, _Float16(number));
  }
};

struct Brain {
  using Word = uint16_t;
  using Number = float;
  static float number(uint16_t bits) { return __builtin_bit_cast(float, uint32_t(bits) << 16); }
  static uint16_t bits(float number) {
    if (std::isnan(number))
      return 0x7fff;
    const uint32_t wide = __builtin_bit_cast(uint32_t, number);
    return uint16_t((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
  }
};

// --- operations ---
template <class Number> Number lesser(Number a, Number b) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) ? b : a;
    if (a == b)
      return std::signbit(a) ? a : b; // -0 is less than +0
  }
  return a < b ? a : b;
}

template <class Number> Number greater(Number a, Number b) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) ? b : a;
    if (a == b)
      return std::signbit(a) ? b : a;
  }
  return a < b ? b : a;
}

template <class Number> Number sum(Number a, Number b) {
  if constexpr (std::is_integral_v<Number>) {
    using Unsigned = std::make_unsigned_t<Number>;
    return Number(Unsigned(a) + Unsigned(b)); // wraps
  } else {
    return a + b;
  }
}

template <class Element, typename Element::Number (*operation)(typename Element::Number, typename Element::Number)>
void combine(uint8_t *to, const uint8_t *from) {
  using Word = typename Element::Word;
  const auto operand = Element::number(read<Word>(from));
  update<Word>(to, [operand](Word seen) { return Element::bits(operation(Element::number(seen), operand)); });
}

template <class Word, Word (*operation)(Word, Word)> void combineBits(uint8_t *to, const uint8_t *from) {
  const Word operand = read<Word>(from);
  update<Word>(to, [operand](Word seen) { return operation(seen, operand); });
}

template <class Word> Word conjunction(Word a, Word b) { return a & b; }
template <class Word> Word disjunction(Word a, Word b) { return a | b; }
template <class Word> Word difference(Word a, Word b) { return a ^ b; }
// PTX ISA 9.0, "atom": .inc and .dec wrap at the operand.
uint32_t increment(uint32_t seen, uint32_t bound) { return seen >= bound ? 0 : seen + 1; }
uint32_t decrement(uint32_t seen, uint32_t bound) { return seen == 0 || seen > bound ? bound : seen - 1; }

template <class Element> Reducer arithmetic(llvm::StringRef operation) {
  using Number = typename Element::Number;
  if (operation == "add")
    return combine<Element, sum<Number>>;
  if (operation == "min")
    return combine<Element, lesser<Number>>;
  return operation == "max" ? Reducer(combine<Element, greater<Number>>) : nullptr;
}

template <class Word> Reducer bitwise(llvm::StringRef operation) {
  if (operation == "and")
    return combineBits<Word, conjunction<Word>>;
  if (operation == "or")
    return combineBits<Word, disjunction<Word>>;
  return operation == "xor" ? Reducer(combineBits<Word, difference<Word>>) : nullptr;
}

} // namespace

Reducer reducerFor(llvm::StringRef operation, Type type) {
  const bool is32 = type == Type::B32 || type == Type::U32 || type == Type::S32;
  const bool is64 = type == Type::B64 || type == Type::U64 || type == Type::S64;
  if (operation == "and" || operation == "or" || operation == "xor")
    return is32 ? bitwise<uint32_t>(operation) : is64 ? bitwise<uint64_t>(operation) : nullptr;
  if (operation == "inc" || operation == "dec")
    return type != Type::U32    ? nullptr
           : operation == "inc" ? combineBits<uint32_t, increment>
                                : combineBits<uint32_t, decrement>;
  switch (type) {
  case Type::U32:
    return arithmetic<Integer<uint32_t>>(operation);
  case Type::S32:
    return arithmetic<Integer<int32_t>>(operation);
  case Type::U64:
    return arithmetic<Integer<uint64_t>>(operation);
  case Type::S64:
    return arithmetic<Integer<int64_t>>(operation);
  case Type::F16:
    return arithmetic<Half>(operation);
  case Type::BF16:
    return arithmetic<Brain>(operation);
  case Type::F32:
    return operation == "add" ? arithmetic<Floating<float, uint32_t>>(operation) : nullptr;
  case Type::F64:
    return operation == "add" ? arithmetic<Floating<double, uint64_t>>(operation) : nullptr;
  default:
    return nullptr;
  }
}

} // namespace ptxsim
