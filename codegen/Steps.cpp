// Each plan.step becomes a C function: for each launch it fills an array of 8-byte slots on its stack, calls the
// runtime, and returns at the first status that is not 0. The runtime has run every unit when it returns, so one array
// serves all launches of a step.
#include "codegen/Steps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::motley::codegen {
namespace {

/// Byte offset of motley_context::launch.
constexpr int64_t kLaunchOffset = offsetof(motley_context, launch);

class StepEmitter {
public:
  StepEmitter(const StepSignature &signature, const llvm::DenseMap<Attribute, int64_t> &kernelNumber, ModuleOp host)
      : signature(signature), kernelNumber(kernelNumber), builder(host.getBodyRegion()), loc(host.getLoc()) {
    pointer = LLVM::LLVMPointerType::get(builder.getContext());
    i32 = builder.getI32Type();
    i64 = builder.getI64Type();
  }

  void emit() {
    plan::StepOp step = signature.step;
    loc = step.getLoc();
    builder.setInsertionPointToEnd(builder.getBlock());
    auto type = LLVM::LLVMFunctionType::get(i32, {pointer, pointer, pointer});
    auto function = LLVM::LLVMFuncOp::create(builder, loc, stepSymbol(step), type);
    Block *entry = function.addEntryBlock(builder);
    Block *end = builder.createBlock(&function.getBody(), {}, i32, loc);
    LLVM::ReturnOp::create(builder, loc, end->getArgument(0));

    builder.setInsertionPointToStart(entry);
    context = entry->getArgument(0);
    emitPrologue(entry->getArgument(1), entry->getArgument(2));
    for (auto launch : step.getBody().getOps<plan::LaunchOp>())
      emitLaunch(launch, end);
    LLVM::BrOp::create(builder, loc, ValueRange{constant(i32, 0)}, end);
  }

private:
  Value constant(Type type, int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type, builder.getIntegerAttr(type, value));
  }
  Value offsetBytes(Value base, int64_t bytes) {
    if (bytes == 0)
      return base;
    return LLVM::GEPOp::create(builder, loc, pointer, builder.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{constant(i64, bytes)});
  }
  Value loadEntry(Value array, int64_t index, Type type) {
    return LLVM::LoadOp::create(builder, loc, type, offsetBytes(array, 8 * index));
  }

  void emitPrologue(Value bufferArray, Value scalarArray) {
    int64_t numSlots = 1;
    for (auto launch : plan::StepOp(signature.step).getBody().getOps<plan::LaunchOp>())
      numSlots = std::max<int64_t>(numSlots, launch.getArgs().size());
    slots = LLVM::AllocaOp::create(builder, loc, pointer, i64, constant(i64, numSlots), 8);
    launchFunction = LLVM::LoadOp::create(builder, loc, pointer, offsetBytes(context, kLaunchOffset));
    for (unsigned i = 0; i < signature.buffers.size(); ++i)
      buffers.push_back(loadEntry(bufferArray, i, pointer));
    for (unsigned i = 0; i < signature.scalars.size(); ++i)
      scalars.push_back(loadEntry(scalarArray, i, i64));
  }

  /// The address of a buffer.
  Value address(Value buffer) {
    Operation *op = buffer.getDefiningOp();
    if (auto window = dyn_cast<plan::WindowOp>(op)) {
      // Row r of the window is row r - begin of the buffer.
      auto type = cast<MemRefType>(window.getBuffer().getType());
      int64_t rowBytes = type.getElementTypeBitWidth() / 8;
      for (int64_t size : type.getShape().drop_front())
        rowBytes *= size;
      return offsetBytes(address(window.getBuffer()), -static_cast<int64_t>(window.getBegin()) * rowBytes);
    }
    Value base = buffers[signature.bufferIndex.lookup(op)];
    if (auto alloc = dyn_cast<plan::AllocOp>(op))
      return offsetBytes(base, *alloc.getOffset());
    return base;
  }

  /// What goes into the slot of an operand: an address, or the bits of a scalar.
  Value slotValue(Value operand) {
    if (isa<MemRefType>(operand.getType()))
      return address(operand);
    if (auto scalar = operand.getDefiningOp<plan::ScalarOp>())
      return scalars[signature.scalarIndex.lookup(scalar)];
    Attribute value = operand.getDefiningOp<plan::ConstantOp>().getValue();
    if (auto number = dyn_cast<FloatAttr>(value))
      return constant(i64, number.getValue().bitcastToAPInt().getZExtValue());
    APInt number = cast<IntegerAttr>(value).getValue();
    return constant(i64, number.getBitWidth() == 1 ? number.getZExtValue() : number.getSExtValue());
  }

  void emitLaunch(plan::LaunchOp launch, Block *end) {
    loc = launch.getLoc();
    for (auto [i, operand] : llvm::enumerate(launch.getArgs()))
      LLVM::StoreOp::create(builder, loc, slotValue(operand), offsetBytes(slots, 8 * i));
    Value count = launch.getCount() ? address(launch.getCount()) : LLVM::ZeroOp::create(builder, loc, pointer);
    Value number = constant(i32, kernelNumber.lookup(launch.getKernelAttr().getAttr()));
    auto type = LLVM::LLVMFunctionType::get(i32, {pointer, i32, pointer, pointer, i64});
    auto call = LLVM::CallOp::create(
        builder, loc, type,
        ValueRange{launchFunction, context, number, slots, count, constant(i64, launch.getFactor())});
    Value failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, call.getResult(), constant(i32, 0));
    Block *current = builder.getBlock();
    Block *next = builder.createBlock(end);
    builder.setInsertionPointToEnd(current);
    LLVM::CondBrOp::create(builder, loc, failed, end, ValueRange{call.getResult()}, next, ValueRange{});
    builder.setInsertionPointToEnd(next);
  }

  const StepSignature &signature;
  const llvm::DenseMap<Attribute, int64_t> &kernelNumber;
  OpBuilder builder;
  Location loc;
  Type pointer, i32, i64;
  Value context, slots, launchFunction;
  SmallVector<Value> buffers, scalars;
};

/// Constant data of the artefact.
class TableEmitter {
public:
  explicit TableEmitter(ModuleOp host) : builder(host.getBodyRegion()), loc(host.getLoc()) {
    builder.setInsertionPointToEnd(host.getBody());
    pointer = LLVM::LLVMPointerType::get(builder.getContext());
  }

  void declareKernel(StringRef symbol) {
    Type i64 = builder.getI64Type();
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), {pointer, pointer, i64, i64});
    auto function = LLVM::LLVMFuncOp::create(builder, loc, symbol, type);
    function.setVisibility_(LLVM::Visibility::Hidden);
  }

  void emitBytes(StringRef name, StringRef bytes) {
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
    LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                           builder.getStringAttr(bytes));
  }

  void emitPointers(StringRef name, ArrayRef<std::string> symbols) {
    auto type = LLVM::LLVMArrayType::get(pointer, symbols.size());
    emitAggregate(name, type, LLVM::Linkage::Internal, [&](Value table) {
      for (auto [i, symbol] : llvm::enumerate(symbols))
        table = insert(table, addressOf(symbol), i);
      return table;
    });
  }

  /// motley_artifact_table of runtime/abi.h, field by field.
  void emitArtifact(int64_t numLevels, int64_t numKernels, int64_t numSteps, int64_t manifestSize) {
    Type i32 = builder.getI32Type(), i64 = builder.getI64Type();
    auto type =
        LLVM::LLVMStructType::getLiteral(builder.getContext(), {i32, i32, i32, i32, pointer, i64, pointer, pointer});
    emitAggregate("motley_artifact", type, LLVM::Linkage::External, [&](Value table) {
      int64_t position = 0;
      for (int64_t number : {int64_t(MOTLEY_ABI_VERSION), numLevels, numKernels, numSteps})
        table =
            insert(table, LLVM::ConstantOp::create(builder, loc, i32, builder.getI32IntegerAttr(number)), position++);
      table = insert(table, addressOf("motley_manifest"), position++);
      table = insert(table, LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(manifestSize)),
                     position++);
      table = insert(table, addressOf("motley_kernels"), position++);
      return insert(table, addressOf("motley_steps"), position++);
    });
  }

private:
  Value addressOf(StringRef symbol) { return LLVM::AddressOfOp::create(builder, loc, pointer, symbol); }
  Value insert(Value aggregate, Value element, int64_t position) {
    return LLVM::InsertValueOp::create(builder, loc, aggregate, element, position);
  }
  void emitAggregate(StringRef name, Type type, LLVM::Linkage linkage, llvm::function_ref<Value(Value)> fill) {
    OpBuilder::InsertionGuard guard(builder);
    auto global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, linkage, name, Attribute());
    builder.createBlock(&global.getInitializerRegion());
    Value empty = LLVM::UndefOp::create(builder, loc, type);
    LLVM::ReturnOp::create(builder, loc, fill(empty));
  }

  OpBuilder builder;
  Location loc;
  Type pointer;
};

LogicalResult checkOffsets(plan::StepOp step) {
  for (auto alloc : step.getBody().getOps<plan::AllocOp>())
    if (!alloc.getOffset())
      return alloc.emitOpError("has no offset; run plan-memory before code generation");
  return success();
}

} // namespace

LogicalResult emitSteps(ModuleOp module, ArrayRef<StepSignature> steps, const KernelSymbols &kernels,
                        StringRef manifest, ModuleOp host) {
  llvm::DenseMap<Attribute, int64_t> kernelNumber;
  for (auto kernel : module.getOps<plan::KernelOp>())
    kernelNumber.try_emplace(kernel.getSymNameAttr(), kernelNumber.size());
  SmallVector<std::string> kernelTable, stepTable;
  TableEmitter tables(host);
  llvm::StringSet declared;
  for (ArrayRef<std::string> level : kernels) {
    for (const std::string &symbol : level)
      if (declared.insert(symbol).second)
        tables.declareKernel(symbol);
    kernelTable.append(level.begin(), level.end());
  }
  for (const StepSignature &step : steps) {
    if (failed(checkOffsets(step.step)))
      return failure();
    StepEmitter(step, kernelNumber, host).emit();
    stepTable.push_back(stepSymbol(step.step));
  }
  tables.emitBytes("motley_manifest", manifest);
  tables.emitPointers("motley_kernels", kernelTable);
  tables.emitPointers("motley_steps", stepTable);
  tables.emitArtifact(kernels.size(), kernelNumber.size(), steps.size(), manifest.size());
  return success();
}

} // namespace mlir::motley::codegen
