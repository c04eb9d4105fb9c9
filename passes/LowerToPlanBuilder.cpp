// Buffers, declarations and launches of a plan.step, and the kernels that launches share.
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

KernelSet::KernelSet(ModuleOp module) : module(module), symbols(module), builder(module.getContext()) {}

/// Kernels stand before the functions, after what a module declares. Looked for anew: functions go as they are lowered.
static void placeBeforeFunctions(OpBuilder &builder, ModuleOp module) {
  for (Operation &op : *module.getBody())
    if (isa<func::FuncOp, plan::StepOp>(op))
      return builder.setInsertionPoint(&op);
  builder.setInsertionPointToEnd(module.getBody());
}

/// A text that is the same for two regions exactly if they compute the same in the same order; locations don't count.
static void describeRegion(Region &region, raw_ostream &os) {
  llvm::DenseMap<Value, unsigned> numbers;
  auto number = [&](Value value) { return numbers.try_emplace(value, numbers.size()).first->second; };
  for (Block &block : region) {
    for (BlockArgument argument : block.getArguments())
      os << '%' << number(argument) << ':' << argument.getType() << ' ';
    for (Operation &op : block) {
      os << ';' << op.getName() << op.getAttrDictionary();
      for (Value operand : op.getOperands())
        os << " %" << number(operand);
      for (Value result : op.getResults())
        os << "->%" << number(result) << ':' << result.getType();
    }
  }
}

/// The keyword of a family: "matmul" for #plan.matmul<...>.
static std::string familyName(Attribute family) {
  std::string text;
  llvm::raw_string_ostream(text) << family;
  StringRef name = text;
  name.consume_front("#plan.");
  return name.take_while([](char c) { return c == '_' || llvm::isAlnum(c); }).str();
}

std::string KernelSet::makeName(Attribute family) {
  std::string keyword = familyName(family), name;
  do
    name = keyword + "_" + std::to_string(numbers[keyword]++);
  while (symbols.lookup(name));
  return name;
}

plan::KernelOp KernelSet::get(Location loc, const Launch &launch) {
  SmallVector<Attribute> types, access;
  for (const Operand &operand : launch.operands) {
    types.push_back(TypeAttr::get(operand.value.getType()));
    access.push_back(plan::AccessAttr::get(module.getContext(), operand.access));
  }
  ArrayAttr allTypes = builder.getArrayAttr(types), allAccess = builder.getArrayAttr(access);
  std::string region;
  llvm::raw_string_ostream os(region);
  if (launch.body)
    describeRegion(*launch.body, os);
  plan::KernelOp &kernel =
      kernels[builder.getArrayAttr({launch.family, allTypes, allAccess, builder.getStringAttr(region)})];
  if (kernel)
    return kernel;
  placeBeforeFunctions(builder, module);
  kernel = plan::KernelOp::create(builder, loc, makeName(launch.family), launch.family, allTypes, allAccess);
  if (launch.body)
    kernel.getBody().takeBody(*launch.body);
  symbols.insert(kernel);
  return kernel;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

StepBuilder::StepBuilder(func::FuncOp function, KernelSet &kernels) : kernels(kernels), builder(function) {
  step = plan::StepOp::create(builder, function.getLoc(), function.getSymName(), /*arena=*/IntegerAttr());
  builder.createBlock(&step.getBody());
}

/// The buffer type of a tensor type.
static MemRefType bufferType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

Value StepBuilder::buffer(Value tensor) {
  if (Value found = values.lookup(tensor))
    return found;
  FloatAttr number = splats.lookup(tensor);
  assert(number && "a tensor that is neither lowered nor a constant");
  Value filled = destination(tensor);
  launch(tensor.getLoc(),
         {plan::FillAttr::get(context(), number), {writes(filled)}, nullptr, ceilDiv(numElements(filled), 4096)});
  return filled;
}

Value StepBuilder::destination(Value result) {
  Value &place = values[result];
  if (Value output = outputs.lookup(result))
    return place = output;
  return place = plan::AllocOp::create(builder, result.getLoc(), bufferType(result.getType()), IntegerAttr());
}

Value StepBuilder::alloc(Location loc, ArrayRef<int64_t> shape, Type elementType) {
  return plan::AllocOp::create(builder, loc, MemRefType::get(shape, elementType), IntegerAttr());
}

Value StepBuilder::window(Location loc, Value buffer, int64_t begin, int64_t numRows) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = numRows;
  return plan::WindowOp::create(builder, loc, MemRefType::get(shape, type.getElementType()), buffer, begin);
}

Value StepBuilder::state(BankOp bank, plan::Slot slot) {
  Value &place = states[{bank, static_cast<unsigned>(slot)}];
  if (!place)
    place = declare<plan::StateOp>(bank.getLoc(), plan::getStorageType(bank),
                                   FlatSymbolRefAttr::get(bank.getSymNameAttr()), plan::SlotAttr::get(context(), slot));
  return place;
}

Value StepBuilder::constant(TypedAttr value) {
  Value &place = constants[value];
  if (!place)
    place = declare<plan::ConstantOp>(step.getLoc(), value);
  return place;
}

Value StepBuilder::output(Location loc, StringRef name, Type type) {
  return declare<plan::OutputOp>(loc, bufferType(type), builder.getStringAttr(name));
}

bool StepBuilder::hasOutput(StringRef name) {
  return llvm::any_of(step.getBody().getOps<plan::OutputOp>(),
                      [&](plan::OutputOp output) { return output.getName() == name; });
}

Value StepBuilder::field(Location loc, FieldAttr field, Type type) {
  return declare<plan::FieldOp>(loc, bufferType(type), field);
}

Value StepBuilder::input(Location loc, StringRef name, Type type) {
  return declare<plan::InputOp>(loc, bufferType(type), builder.getStringAttr(name));
}

Value StepBuilder::namedScalar(Location loc, StringRef name, Type type) {
  Value &place = scalars[name];
  if (!place)
    place = declare<plan::ScalarOp>(loc, type, builder.getStringAttr(name));
  return place;
}

TileList StepBuilder::tiles(Location loc, Value offset, int64_t numRows, int64_t rowTile) {
  TileList &made = tileLists[{offset, rowTile}];
  if (made.list)
    return made;
  int64_t numGroups = cast<MemRefType>(offset.getType()).getDimSize(0) - 1;
  TileList fresh{alloc(loc, {numTiles(numRows, numGroups, rowTile), 3}, builder.getI32Type()),
                 alloc(loc, {1}, builder.getI32Type())};
  made = fresh;
  launch(loc, {plan::TilesAttr::get(context(), rowTile), {reads(offset), writes(fresh.list), writes(fresh.count)}});
  return fresh;
}

/// The bytes that an operand stands for.
static int64_t operandBytes(const Operand &operand) {
  auto type = dyn_cast<MemRefType>(operand.value.getType());
  if (auto window = operand.value.getDefiningOp<plan::WindowOp>())
    type = cast<MemRefType>(window.getBuffer().getType());
  if (!type)
    return 0;
  int64_t bytes = type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
  return operand.access == plan::Access::read_write ? 2 * bytes : bytes;
}

void StepBuilder::launch(Location loc, const Launch &launch) {
  int64_t bytes = launch.bytes;
  if (bytes < 0) {
    bytes = 0;
    for (const Operand &operand : launch.operands)
      bytes += operandBytes(operand);
  }
  SmallVector<Value> arguments =
      llvm::map_to_vector(launch.operands, [](const Operand &operand) { return operand.value; });
  plan::KernelOp kernel = kernels.get(loc, launch);
  plan::LaunchOp::create(builder, loc, kernel.getSymName(), arguments, launch.count, launch.factor, launch.flops,
                         bytes);
  ++numLaunches;
  totalFlops += launch.flops;
  totalBytes += bytes;
}

void StepBuilder::finish() {
  step->setAttr("plan.flops", builder.getI64IntegerAttr(totalFlops));
  step->setAttr("plan.bytes", builder.getI64IntegerAttr(totalBytes));
}

//===----------------------------------------------------------------------===//
// Helpers of the lowerings
//===----------------------------------------------------------------------===//

FailureOr<BankOp> mlir::motley::getBank(Operation *op, FlatSymbolRefAttr symbol, std::optional<Layout> layout) {
  BankOp bank = lookupBank(op, symbol);
  if (bank.getRangeType(0).getRank() == 1)
    return bank;
  if (!bank.getLayout())
    return op->emitOpError() << "bank " << symbol << " has no layout; run motley-assign-layouts first";
  if (layout && bank.getLayout() != layout)
    return op->emitOpError() << "needs bank " << symbol << " in layout " << stringifyLayout(*layout) << ", got "
                             << stringifyLayout(*bank.getLayout());
  return bank;
}

int64_t mlir::motley::numElements(Value shaped) { return cast<ShapedType>(shaped.getType()).getNumElements(); }

int64_t mlir::motley::countOperations(Region &region) {
  int64_t count = 0;
  for (Operation &op : region.front().without_terminator())
    count += !op.hasTrait<OpTrait::ConstantLike>();
  return count;
}

LogicalResult mlir::motley::cloneScalarRegion(Region &from, Region &to, SmallVectorImpl<Value> &captured) {
  IRMapping mapping;
  from.cloneInto(&to, mapping);
  Block &block = to.front();
  OpBuilder builder(from.getContext()); // `to` belongs to no operation yet, so it knows no context
  builder.setInsertionPointToStart(&block);
  for (Operation &op : block)
    for (OpOperand &operand : op.getOpOperands()) {
      Value value = operand.get();
      if (value.getParentRegion() == &to)
        continue;
      if (Value known = mapping.lookupOrNull(value)) {
        operand.set(known);
        continue;
      }
      Operation *definition = value.getDefiningOp();
      if (definition && definition->hasTrait<OpTrait::ConstantLike>()) {
        mapping.map(value, builder.clone(*definition)->getResult(0));
      } else {
        if (!value.getType().isF32())
          return op.emitOpError() << "uses a value of type " << value.getType()
                                  << " from outside its region, expected f32";
        captured.push_back(value);
        mapping.map(value, block.addArgument(value.getType(), value.getLoc()));
      }
      operand.set(mapping.lookup(value));
    }
  return success();
}
