// A small language for kernels, embedded in C++: values with the operators of arithmetic, buffers with loads and
// stores, loops and branches. Everything builds arith, math, scf, vector and llvm operations at the frame's insertion
// point.
//
// Rules of the language
// * Indices are i64; a scalar meets a vector by broadcasting; a C++ number takes the type of the value that it meets.
// * Memory is !llvm.ptr with natural element alignment; a mask (vector of i1) may be null, which means all lanes.
// * No fast-math flag is ever set: a product and a sum are fused only where `fma` says so. Sums have the order that the
//   kernel writes, so results depend on neither threads nor tiles.
// * Reductions over columns use kLanes lanes at every level of instructions, so that all levels give the same bits;
//   LLVM splits wide vectors.
#ifndef MOTLEY_CODEGEN_CPU_KERNELBUILDER_H
#define MOTLEY_CODEGEN_CPU_KERNELBUILDER_H

#include "codegen/cpu/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

#include <type_traits>

namespace mlir::motley::codegen {

/// Lanes of the vectors that kernels think in, at every level.
inline constexpr int64_t kLanes = 16;

class KernelBuilder;

/// A scalar or a vector, or nothing (a null mask).
class Val {
public:
  Val() = default;
  Val(KernelBuilder &kernel, Value value) : kernel(&kernel), value(value) {}

  operator Value() const { return value; }
  explicit operator bool() const { return static_cast<bool>(value); }
  Type getType() const { return value.getType(); }
  Type elementType() const { return getElementTypeOrSelf(value.getType()); }
  bool isFloat() const { return isa<FloatType>(elementType()); }
  /// Lanes of a vector, 0 for a scalar.
  int64_t lanes() const;
  /// The number as a constant of this value's type.
  Val like(double number) const;
  Val like(int64_t number) const;

  KernelBuilder *kernel = nullptr;
  Value value;
};

// Arithmetic; division and remainder of integers are signed, >> is logical.
Val operator+(Val a, Val b);
Val operator-(Val a, Val b);
Val operator*(Val a, Val b);
Val operator/(Val a, Val b);
Val operator%(Val a, Val b);
Val operator&(Val a, Val b);
Val operator|(Val a, Val b);
Val operator^(Val a, Val b);
Val operator<<(Val a, Val b);
Val operator>>(Val a, Val b);
Val operator-(Val a);
// Comparisons: signed for integers, ordered for floats (false with NaN) but for !=.
Val operator<(Val a, Val b);
Val operator<=(Val a, Val b);
Val operator>(Val a, Val b);
Val operator>=(Val a, Val b);
Val operator==(Val a, Val b);
Val operator!=(Val a, Val b);

namespace detail {
template <typename T> using IfNumber = std::enable_if_t<std::is_arithmetic_v<T>, int>;
template <typename T> Val constantLike(Val a, T number) {
  if constexpr (std::is_floating_point_v<T>)
    return a.like(static_cast<double>(number));
  else
    return a.isFloat() ? a.like(static_cast<double>(number)) : a.like(static_cast<int64_t>(number));
}
} // namespace detail
#define MOTLEY_MIXED_OPERATOR(op)                                                                                      \
  template <typename T, detail::IfNumber<T> = 0> Val operator op(Val a, T b) {                                         \
    return a op detail::constantLike(a, b);                                                                            \
  }                                                                                                                    \
  template <typename T, detail::IfNumber<T> = 0> Val operator op(T a, Val b) { return detail::constantLike(b, a) op b; }
MOTLEY_MIXED_OPERATOR(+)
MOTLEY_MIXED_OPERATOR(-)
MOTLEY_MIXED_OPERATOR(*)
MOTLEY_MIXED_OPERATOR(/)
MOTLEY_MIXED_OPERATOR(%)
MOTLEY_MIXED_OPERATOR(&)
MOTLEY_MIXED_OPERATOR(|)
MOTLEY_MIXED_OPERATOR(^)
MOTLEY_MIXED_OPERATOR(<<)
MOTLEY_MIXED_OPERATOR(>>)
MOTLEY_MIXED_OPERATOR(<)
MOTLEY_MIXED_OPERATOR(<=)
MOTLEY_MIXED_OPERATOR(>)
MOTLEY_MIXED_OPERATOR(>=)
MOTLEY_MIXED_OPERATOR(==)
MOTLEY_MIXED_OPERATOR(!=)
#undef MOTLEY_MIXED_OPERATOR

/// a * b + c, rounded once.
Val fma(Val a, Val b, Val c);
Val select(Val condition, Val ifTrue, Val ifFalse);
/// The larger, the smaller: one x86 instruction. With a NaN in either, the result is `b`.
Val max(Val a, Val b);
Val min(Val a, Val b);
Val sqrt(Val a);
/// Nearest integer as a float, ties to even.
Val roundEven(Val a);

/// Shifts copies of the sign bit in.
Val shiftRightSigned(Val a, int64_t bits);

// Elementary functions of f32, built as polynomials (VectorMath.cpp). Regions that a user wrote hold math operations
// instead, which become upstream's polynomials.
/// Within 1.5 ulp; 0 below -104, infinity above 88.72, NaN for NaN.
Val exp(Val x);
/// exp for x <= 0 where tiny results don't matter: 0 below -87, else as exp. NaN for NaN.
Val expOfNonPositive(Val x);
/// Within 1.5 ulp for normal numbers; -infinity at 0, NaN below.
Val log(Val x);
/// Sine and cosine of 2 pi t for |t| <= 1/2, within 1.2e-7.
std::pair<Val, Val> sinCosOfTurn(Val t);

/// Memory of one element type, with the shape that the plan gives it.
class Buffer {
public:
  Buffer() = default;
  Buffer(Val pointer, Type element, ArrayRef<int64_t> shape)
      : pointer(pointer), element(element), shape(shape.begin(), shape.end()) {}

  explicit operator bool() const { return static_cast<bool>(pointer); }
  int64_t size(unsigned dimension) const { return shape[dimension]; }
  int64_t numElements() const;
  /// The buffer from an element on.
  Buffer at(Val offset) const;
  /// Entry `index` of the first dimension, as a buffer of the others.
  Buffer row(Val index) const;

  Val load(Val index) const;
  Val load(int64_t index) const;
  /// A vector of consecutive elements; lanes that the mask switches off are 0 and aren't touched in memory.
  Val loadVector(Val index, int64_t lanes = kLanes, Val mask = {}) const;
  Val loadVector(int64_t index, int64_t lanes = kLanes, Val mask = {}) const;
  /// Stores a scalar or a vector.
  void store(Val value, Val index, Val mask = {}) const;
  void store(Val value, int64_t index, Val mask = {}) const;

  Val pointer;
  Type element;
  SmallVector<int64_t> shape;

private:
  Value address(Val index) const;
};

/// A bound of a loop: a value or a number.
struct IndexArg {
  IndexArg(Val value) : value(value) {}
  template <typename T, detail::IfNumber<T> = 0> IndexArg(T number) : number(number) {}
  Val value;
  int64_t number = 0;
};

/// One entry of a tile list.
struct Tile {
  Val group, first, count;
};

class KernelBuilder {
public:
  using Vals = SmallVector<Val>;

  explicit KernelBuilder(KernelFrame &frame);

  // ---- types and constants
  Type f32() { return builder.getF32Type(); }
  Type f64() { return builder.getF64Type(); }
  Type i1() { return builder.getI1Type(); }
  Type i32() { return builder.getI32Type(); }
  Type i64() { return builder.getI64Type(); }
  Type vectorOf(Type element, int64_t lanes = kLanes);
  /// A constant of a scalar or vector type, placed once at the head of the function.
  Val constant(double number, Type type);
  Val constant(int64_t number, Type type);
  Val constant(int number, Type type) { return constant(static_cast<int64_t>(number), type); }
  Val index(int64_t number) { return constant(number, i64()); }
  Val index(IndexArg argument) { return argument.value ? argument.value : index(argument.number); }
  /// Zeros of f32.
  Val zeros(int64_t lanes = kLanes) { return constant(0.0, vectorOf(f32(), lanes)); }
  /// 0, 1, 2, ... of an integer type.
  Val iota(Type element, int64_t lanes = kLanes);
  /// The constant mask of the first `count` lanes; null if they are all.
  Val firstLanes(int64_t count, int64_t lanes = kLanes);
  /// The mask of the lanes below a count that is known when the kernel runs (i64).
  Val lanesBelow(Val count, int64_t lanes = kLanes);

  // ---- operands
  Type operandType(unsigned number);
  unsigned numOperands();
  Buffer operand(unsigned number);
  Val scalar(unsigned number);
  /// A buffer in the calling thread's scratch; buffers don't overlap, each is aligned to 64 bytes.
  Buffer scratch(Type element, ArrayRef<int64_t> shape);
  int64_t scratchBytes() const { return numScratchBytes; }
  /// Constants in the object's read-only data.
  Buffer table(ArrayRef<double> values);
  /// The list of tiles in operand `number` at entry `index`.
  Tile tile(unsigned number, Val index);
  /// map[group] of a map that is known now, as an index.
  Val lookUp(ArrayRef<int64_t> map, Val group);

  // ---- control
  void units(function_ref<void(Val unit)> body);
  void loop(IndexArg lower, IndexArg upper, IndexArg step, function_ref<void(Val)> body);
  Vals loop(IndexArg lower, IndexArg upper, IndexArg step, ArrayRef<Val> initial,
            function_ref<Vals(Val, ArrayRef<Val>)> body);
  void when(Val condition, function_ref<void()> then);
  void when(Val condition, function_ref<void()> then, function_ref<void()> otherwise);
  Vals choose(Val condition, function_ref<Vals()> then, function_ref<Vals()> otherwise);

  /// For each unit, an entry of the tile list in operand `number`, where map[group] is not -1: the tile and its member.
  void tiles(unsigned number, ArrayRef<int64_t> map, function_ref<void(Tile, Val member)> body);

  // ---- rows, in vectors of kLanes
  /// Calls the body for [lower, upper) in vectors; the mask is null but for a partial last vector.
  void elements(Val lower, Val upper, function_ref<void(Val element, Val mask)> body);
  /// Calls the body for each vector of columns; the mask is null but for a partial last vector.
  void columns(int64_t width, function_ref<void(Val column, Val mask)> body);
  /// Folds a row into kLanes lanes per quantity: vector j of the row goes to accumulator j % 4, accumulators are joined
  /// as (0 with 1) with (2 with 3) by `join`. `initial` are scalars or vectors that change nothing when joined.
  Vals foldColumns(int64_t width, ArrayRef<Val> initial, function_ref<Vals(Val column, Val mask, ArrayRef<Val>)> body,
                   function_ref<Val(Val, Val)> join);
  /// foldColumns for sums of f32, then over the lanes: one scalar per quantity.
  Vals sumColumns(int64_t width, int64_t numSums, function_ref<Vals(Val column, Val mask, ArrayRef<Val>)> body);

  // ---- vectors
  Val broadcast(Val scalar, int64_t lanes = kLanes);
  Val extract(Val vector, int64_t lane);
  Val shuffle(Val a, Val b, ArrayRef<int64_t> lanes);
  /// Over the lanes by halves: lane i with lane i + n/2, and so on.
  Val reduce(Val vector, function_ref<Val(Val, Val)> join);
  Val sum(Val vector);
  /// Transposes kLanes vectors of kLanes lanes in place.
  void transpose(MutableArrayRef<Val> vectors);

  // ---- conversions, elementwise
  /// Integer to integer (sign-extending or cutting), integer to float, float to integer (towards zero), float to float.
  Val convert(Val value, Type element);
  /// As convert, but integers are taken as unsigned.
  Val convertUnsigned(Val value, Type element);
  Val bitcast(Val value, Type element);

  OpBuilder &builder;
  Location loc;
  KernelFrame &frame;

private:
  Val constantOf(TypedAttr attribute);

  int64_t numScratchBytes = 0;
  int64_t numTables = 0;
  llvm::DenseMap<Attribute, Value> constants;
};

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELBUILDER_H
