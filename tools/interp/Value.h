// What the interpreter computes with: tensors of double or int64, scalars (tensors of rank 0), and tables of groups.
//
// Dead rows hold NaN in tensors of floats and kDeadInt in tensors of integers, and both spread through arithmetic: a
// live value that was computed from a dead row shows it.
#ifndef MOTLEY_TOOLS_INTERP_VALUE_H
#define MOTLEY_TOOLS_INTERP_VALUE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/bit.h"
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace mlir::motley::interp {

/// What dead elements hold. The float is a NaN that arithmetic hands on; its bits tell it from the NaN of live numbers.
inline const double kDeadFloat = llvm::bit_cast<double>(uint64_t(0x7ff80000dead0000));
inline constexpr int64_t kDeadInt = std::numeric_limits<int64_t>::min();
inline bool isDead(double element) {
  constexpr uint64_t signBit = uint64_t(1) << 63;
  return (llvm::bit_cast<uint64_t>(element) | signBit) == (llvm::bit_cast<uint64_t>(kDeadFloat) | signBit);
}

/// A tensor in row-major order. Exactly one of `floats` and `ints` is in use; booleans are 0 and 1.
struct Tensor {
  SmallVector<int64_t, 2> shape;
  bool isFloat = true;
  std::vector<double> floats;
  std::vector<int64_t> ints;

  static Tensor ofFloats(ArrayRef<int64_t> shape, double fill = kDeadFloat);
  static Tensor ofInts(ArrayRef<int64_t> shape, int64_t fill = kDeadInt);
  static Tensor scalar(double value) { return ofFloats({}, value); }
  static Tensor scalar(int64_t value) { return ofInts({}, value); }

  bool isScalar() const { return shape.empty(); }
  int64_t numElements() const { return isFloat ? floats.size() : ints.size(); }
  int64_t numRows() const { return shape.empty() ? 1 : shape.front(); }
  /// Elements in one row.
  int64_t rowSize() const;
  double *row(int64_t index) { return floats.data() + index * rowSize(); }
  const double *row(int64_t index) const { return floats.data() + index * rowSize(); }

  /// Element `index`; a scalar is the same everywhere.
  double floatAt(int64_t index) const { return floats[isScalar() ? 0 : index]; }
  int64_t intAt(int64_t index) const { return ints[isScalar() ? 0 : index]; }

  /// Copies one row of a tensor of the same kind and width.
  void copyRow(int64_t to, const Tensor &source, int64_t from);
  void killRow(int64_t index);
  /// Whether the row has a dead element.
  bool isDeadRow(int64_t index) const;
};

/// A value of type !motley.groups: a partition of its rows, or a selection.
struct GroupTable {
  int64_t bound = 0;
  std::vector<int64_t> row;
  std::vector<int64_t> offset;
  /// The slots of each row, ascending; a row of a partition has at most one.
  std::vector<std::vector<int64_t>> inverse;
  bool isSelection = false;
  /// Of the rows that a selection takes from, those before this one are live.
  int64_t numLiveRows = 0;

  int64_t numGroups() const { return offset.size() - 1; }
  int64_t numLive() const { return offset.back(); }
  int64_t numRows() const { return inverse.size(); }
  /// Fills `inverse` when rows and offsets are known.
  void invert(int64_t numRows);
};

/// A tensor or a table; cheap to copy.
class RuntimeValue {
public:
  RuntimeValue() = default;
  RuntimeValue(Tensor value) : tensor(std::make_shared<const Tensor>(std::move(value))) {}
  RuntimeValue(GroupTable value) : groups(std::make_shared<const GroupTable>(std::move(value))) {}

  explicit operator bool() const { return tensor || groups; }
  bool isTensor() const { return tensor != nullptr; }
  const Tensor &getTensor() const { return *tensor; }
  const GroupTable &getGroups() const { return *groups; }

private:
  std::shared_ptr<const Tensor> tensor;
  std::shared_ptr<const GroupTable> groups;
};

/// The value of an attribute such as `3 : i32` or `dense<[1.0, 2.0]> : tensor<2xf32>`; nothing for other attributes.
std::optional<Tensor> tensorFromAttribute(Attribute attribute);
/// Parses the text of such an attribute; on failure says why.
std::optional<Tensor> tensorFromText(StringRef text, MLIRContext *context, std::string &error);
/// Prints in the same form, dead elements as `nan` and `dead`; `type` gives the element type where it is known.
void print(raw_ostream &os, const RuntimeValue &value, Type type, int precision);

/// Whether a value can stand for an IR type: shape, and float or integer. Widths don't matter: all arithmetic is
/// double.
bool fits(const RuntimeValue &value, Type type);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_VALUE_H
