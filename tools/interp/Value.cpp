// Tensors from attributes, and back to text.
#include "tools/interp/Value.h"

#include "dialect/Motley.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/Format.h"
#include <cmath>
#include <numeric>

namespace mlir::motley::interp {

static int64_t product(ArrayRef<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<int64_t>());
}

Tensor Tensor::ofFloats(ArrayRef<int64_t> shape, double fill) {
  Tensor result;
  result.shape.assign(shape.begin(), shape.end());
  result.floats.assign(product(shape), fill);
  return result;
}

Tensor Tensor::ofInts(ArrayRef<int64_t> shape, int64_t fill) {
  Tensor result;
  result.shape.assign(shape.begin(), shape.end());
  result.isFloat = false;
  result.ints.assign(product(shape), fill);
  return result;
}

int64_t Tensor::rowSize() const { return shape.size() < 2 ? 1 : product(ArrayRef<int64_t>(shape).drop_front()); }

void Tensor::copyRow(int64_t to, const Tensor &source, int64_t from) {
  int64_t width = rowSize();
  if (isFloat)
    std::copy_n(source.floats.begin() + from * width, width, floats.begin() + to * width);
  else
    std::copy_n(source.ints.begin() + from * width, width, ints.begin() + to * width);
}

void Tensor::killRow(int64_t index) {
  int64_t width = rowSize();
  if (isFloat)
    std::fill_n(floats.begin() + index * width, width, kDeadFloat);
  else
    std::fill_n(ints.begin() + index * width, width, kDeadInt);
}

bool Tensor::isDeadRow(int64_t index) const {
  for (int64_t i = index * rowSize(); i < (index + 1) * rowSize(); ++i)
    if (isFloat ? isDead(floats[i]) : ints[i] == kDeadInt)
      return true;
  return false;
}

void GroupTable::invert(int64_t numRows) {
  inverse.assign(numRows, {});
  for (auto [slot, source] : llvm::enumerate(row))
    inverse[source].push_back(slot);
}

/// i1 counts as 0 and 1, wider integers are signed.
static int64_t integerOf(const APInt &value) {
  return value.getBitWidth() == 1 ? value.getZExtValue() : value.getSExtValue();
}

static double doubleOf(APFloat value) {
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return value.convertToDouble();
}

std::optional<Tensor> tensorFromAttribute(Attribute attribute) {
  if (auto floating = dyn_cast<FloatAttr>(attribute))
    return Tensor::scalar(doubleOf(floating.getValue()));
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return Tensor::scalar(integerOf(integer.getValue()));
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return std::nullopt;
  ArrayRef<int64_t> shape = dense.getType().getShape();
  int64_t index = 0;
  if (isa<FloatType>(dense.getElementType())) {
    Tensor result = Tensor::ofFloats(shape);
    for (const APFloat &value : dense.getValues<APFloat>())
      result.floats[index++] = doubleOf(value);
    return result;
  }
  if (!dense.getElementType().isIntOrIndex())
    return std::nullopt;
  Tensor result = Tensor::ofInts(shape);
  for (const APInt &value : dense.getValues<APInt>())
    result.ints[index++] = integerOf(value);
  return result;
}

std::optional<Tensor> tensorFromText(StringRef text, MLIRContext *context, std::string &error) {
  std::string reason;
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) { reason += diagnostic.str(); });
  Attribute attribute = parseAttribute(text, context);
  std::optional<Tensor> tensor;
  if (attribute)
    tensor = tensorFromAttribute(attribute);
  if (!tensor)
    error = "cannot read '" + text.str() + "' as a value such as '3 : i32' or 'dense<[1.0, 2.0]> : tensor<2xf32>'" +
            (reason.empty() ? "" : ": " + reason);
  return tensor;
}

static void printElement(raw_ostream &os, const Tensor &tensor, int64_t index, int precision) {
  if (!tensor.isFloat) {
    if (tensor.ints[index] == kDeadInt)
      os << "dead";
    else
      os << tensor.ints[index];
    return;
  }
  double value = tensor.floats[index];
  if (std::isnan(value)) // The sign of a NaN depends on how it came about.
    os << "nan";
  else
    os << llvm::format("%.*g", precision, value == 0 ? 0.0 : value);
}

static void printNested(raw_ostream &os, const Tensor &tensor, size_t dimension, int64_t &index, int precision) {
  if (dimension == tensor.shape.size())
    return printElement(os, tensor, index++, precision);
  os << "[";
  for (int64_t i = 0; i < tensor.shape[dimension]; ++i) {
    os << (i ? ", " : "");
    printNested(os, tensor, dimension + 1, index, precision);
  }
  os << "]";
}

static void printList(raw_ostream &os, ArrayRef<int64_t> values) {
  os << "[";
  llvm::interleaveComma(values, os);
  os << "]";
}

/// `groups row [2, 0, 1] offset [0, 1, 3] inverse [1, 2, 0]`; in a selection the inverse is a list of slots for each
/// row.
static void printTable(raw_ostream &os, const GroupTable &groups) {
  printList(os << "groups row ", groups.row);
  printList(os << " offset ", groups.offset);
  os << " inverse [";
  llvm::interleaveComma(groups.inverse, os, [&](const std::vector<int64_t> &slots) {
    if (groups.isSelection)
      printList(os, slots);
    else
      os << (slots.empty() ? -1 : slots.front());
  });
  os << "]";
}

void print(raw_ostream &os, const RuntimeValue &value, Type type, int precision) {
  if (!value.isTensor()) {
    printTable(os, value.getGroups());
    os << " : " << type;
    return;
  }
  const Tensor &tensor = value.getTensor();
  int64_t index = 0;
  if (tensor.isScalar() && !isa<ShapedType>(type)) {
    printElement(os, tensor, 0, precision);
  } else {
    os << "dense<";
    printNested(os, tensor, 0, index, precision);
    os << ">";
  }
  os << " : " << type;
}

bool fits(const RuntimeValue &value, Type type) {
  if (auto groups = dyn_cast<GroupsType>(type))
    return value && !value.isTensor() && value.getGroups().numGroups() == groups.getNumGroups() &&
           value.getGroups().bound == groups.getBound() && value.getGroups().numRows() == groups.getNumRows() &&
           value.getGroups().isSelection == groups.isSelection();
  if (!value.isTensor())
    return false;
  const Tensor &tensor = value.getTensor();
  Type element = getElementTypeOrSelf(type);
  ArrayRef<int64_t> shape;
  if (auto shaped = dyn_cast<RankedTensorType>(type))
    shape = shaped.getShape();
  return tensor.isFloat == isa<FloatType>(element) && ArrayRef<int64_t>(tensor.shape) == shape;
}

} // namespace mlir::motley::interp
