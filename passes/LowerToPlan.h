// What the files LowerToPlan*.cpp share: the builder of one plan.step, and one function per operation of level 2.
#ifndef MOTLEY_PASSES_LOWERTOPLAN_H
#define MOTLEY_PASSES_LOWERTOPLAN_H

#include "passes/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::motley {

/// A table of groups in memory.
struct Table {
  Value row;     ///< memref<Rxi32>, source row of each slot
  Value offset;  ///< memref<(G+1)xi32>, first slot of each group
  Value inverse; ///< memref<Rxi32>, slot of each row; null for a selection or a reindexed table
  int64_t numGroups;
  int64_t bound;
  // Of selections; null for partitions.
  Value begin = nullptr;     ///< memref<(R+1)xi32>, first entry of each row in `slot`
  Value slot = nullptr;      ///< memref<Sxi32>, the slots of all rows, row after row
  Value rowOffset = nullptr; ///< offsets of the table whose slots the rows are: they end at the last live row
};

/// A list of tiles in memory, and its length.
struct TileList {
  Value list;  ///< memref<Tx3xi32>
  Value count; ///< memref<1xi32>
};

/// One operand of a launch.
struct Operand {
  Value value;
  plan::Access access;
};
inline Operand reads(Value value) { return {value, plan::Access::read}; }
inline Operand writes(Value value) { return {value, plan::Access::write}; }
inline Operand updates(Value value) { return {value, plan::Access::read_write}; }

/// What a launch runs.
struct Launch {
  Attribute family;
  SmallVector<Operand> operands;
  Value count = nullptr;  ///< memref<1xi32> that the number of units is multiplied by, or null
  int64_t factor = 1;     ///< units
  int64_t flops = 0;      ///< upper bound, all rows being live
  int64_t bytes = -1;     ///< upper bound; -1: every buffer once, twice where it is read and written
  Region *body = nullptr; ///< scalar region; taken over where the kernel is new
};

/// The kernels of the module: one for each distinct family, operand types, accesses and region.
class KernelSet {
public:
  explicit KernelSet(ModuleOp module);
  plan::KernelOp get(Location loc, const Launch &launch);
  int64_t size() const { return kernels.size(); }

private:
  std::string makeName(Attribute family);

  ModuleOp module;
  SymbolTable symbols;
  OpBuilder builder;
  /// By what makes a kernel: family, operand types, accesses, text of the region.
  llvm::DenseMap<Attribute, plan::KernelOp> kernels;
  llvm::StringMap<int64_t> numbers;
};

/// Builds one step: where each value of the function lives, and the launches in order.
class StepBuilder {
public:
  StepBuilder(func::FuncOp function, KernelSet &kernels);

  /// The buffer of a tensor; a constant is filled into one at its first use.
  Value buffer(Value tensor);
  /// The scalar of the step for a scalar of the function.
  Value scalar(Value value) { return values.lookup(value); }
  Table table(Value groups) { return tables.lookup(groups); }
  /// The value of an argument or constant tensor that is one number; null otherwise.
  FloatAttr splat(Value tensor) { return splats.lookup(tensor); }

  /// A new buffer for a result: the output that the function returns it in, or one of the arena.
  Value destination(Value result);
  void bind(Value result, Value buffer) { values[result] = buffer; }
  void bind(Value result, Table table) { tables[result] = table; }
  void bind(Value result, FloatAttr number) { splats[result] = number; }

  Value alloc(Location loc, ArrayRef<int64_t> shape, Type elementType);
  Value window(Location loc, Value buffer, int64_t begin, int64_t numRows);
  Value state(BankOp bank, plan::Slot slot);
  Value constant(TypedAttr value);
  Value truth() { return constant(BoolAttr::get(context(), true)); }
  Value output(Location loc, StringRef name, Type type);
  bool hasOutput(StringRef name);
  Value field(Location loc, FieldAttr field, Type type);
  Value input(Location loc, StringRef name, Type type);
  Value namedScalar(Location loc, StringRef name, Type type);

  /// The tiles of at most `rowTile` slots; made at the first call.
  TileList tiles(Location loc, Table table, int64_t rowTile) { return tiles(loc, table.offset, table.bound, rowTile); }
  TileList tiles(Location loc, Value offset, int64_t numRows, int64_t rowTile);

  void launch(Location loc, const Launch &launch);

  /// Says that `result` of the function is the output `buffer`, which its producer writes.
  void setOutput(Value result, Value buffer) { outputs[result] = buffer; }

  /// Writes the sums of all costs on the step, for the manifest.
  void finish();

  MLIRContext *context() { return step.getContext(); }
  int64_t getNumLaunches() const { return numLaunches; }

private:
  /// Makes an operation beside the step's other declarations, before its first launch.
  template <typename OpTy, typename... Args> Value declare(Location loc, Args &&...args) {
    OpBuilder::InsertionGuard guard(builder);
    if (lastDeclaration)
      builder.setInsertionPointAfter(lastDeclaration);
    else
      builder.setInsertionPointToStart(&step.getBody().front());
    lastDeclaration = OpTy::create(builder, loc, std::forward<Args>(args)...);
    return lastDeclaration->getResult(0);
  }

  plan::StepOp step;
  KernelSet &kernels;
  OpBuilder builder;
  Operation *lastDeclaration = nullptr;
  llvm::DenseMap<Value, Value> values;
  llvm::DenseMap<Value, Table> tables;
  llvm::DenseMap<Value, FloatAttr> splats;
  llvm::DenseMap<Value, Value> outputs;
  llvm::DenseMap<std::pair<Operation *, unsigned>, Value> states;
  llvm::DenseMap<Attribute, Value> constants;
  llvm::StringMap<Value> scalars;
  llvm::DenseMap<std::pair<Value, int64_t>, TileList> tileLists;
  int64_t numLaunches = 0, totalFlops = 0, totalBytes = 0;
};

/// The packed form of the bank that `symbol` names; an error at `op` where the bank has no layout, or not `layout`.
FailureOr<BankOp> getBank(Operation *op, FlatSymbolRefAttr symbol, std::optional<Layout> layout = std::nullopt);

/// What choose-kernels wrote on `op`, or an error.
template <typename ChoiceTy> FailureOr<ChoiceTy> getChoice(Operation *op) {
  if (auto choice = op->getAttrOfType<ChoiceTy>("plan.choice"))
    return choice;
  return op->emitOpError("has no choice of kernel; run motley-choose-kernels first");
}

/// The f32 elements of a value or a shape, as a count.
int64_t numElements(Value shaped);

/// Operations of a scalar region, its terminator aside: its FLOPs for each element.
int64_t countOperations(Region &region);

/// Copies the single block of `from` into the empty `to`. Scalars of the function that it captures become further
/// arguments, in the order of `captured`; constants are copied.
LogicalResult cloneScalarRegion(Region &from, Region &to, SmallVectorImpl<Value> &captured);

// Tables and movement of rows: LowerToPlanTables.cpp.
LogicalResult lower(GroupByOp op, StepBuilder &step);
LogicalResult lower(ReindexOp op, StepBuilder &step);
LogicalResult lower(SelectOp op, StepBuilder &step);
LogicalResult lower(RestrictOp op, StepBuilder &step);
LogicalResult lower(SlotValuesOp op, StepBuilder &step);
LogicalResult lower(SlotValuesBackwardOp op, StepBuilder &step);
LogicalResult lower(CountChosenOp op, StepBuilder &step);
LogicalResult lower(GatherRowsOp op, StepBuilder &step);
LogicalResult lower(CombineRowsOp op, StepBuilder &step);
LogicalResult lower(SplitGroupsOp op, StepBuilder &step);
LogicalResult lower(MergeGroupsOp op, StepBuilder &step);

// Routing: LowerToPlanRouting.cpp.
LogicalResult lower(ChooseExpertsOp op, StepBuilder &step);
LogicalResult lower(ChooseAboveOp op, StepBuilder &step);
LogicalResult lower(ChooseTopPOp op, StepBuilder &step);
LogicalResult lower(ChooseTokensOp op, StepBuilder &step);
LogicalResult lower(LimitCapacityOp op, StepBuilder &step);
LogicalResult lower(OneHotOp op, StepBuilder &step);
LogicalResult lower(HashOp op, StepBuilder &step);
LogicalResult lower(NoiseOp op, StepBuilder &step);
LogicalResult lower(RowSumOp op, StepBuilder &step);
LogicalResult lower(RowBroadcastOp op, StepBuilder &step);
LogicalResult lower(SoftmaxOp op, StepBuilder &step);
LogicalResult lower(LogSumExpOp op, StepBuilder &step);
LogicalResult lower(MeanRowsOp op, StepBuilder &step);
LogicalResult lower(arith::SIToFPOp op, StepBuilder &step);

// Soft mixing: LowerToPlanMixing.cpp.
LogicalResult lower(StaticGroupsOp op, StepBuilder &step);
LogicalResult lower(SoftmaxRowsOp op, StepBuilder &step);
LogicalResult lower(SoftmaxRowsBackwardOp op, StepBuilder &step);
LogicalResult lower(MixRowsOp op, StepBuilder &step);
LogicalResult lower(UnmixRowsOp op, StepBuilder &step);
LogicalResult lower(MixProductsOp op, StepBuilder &step);

// Products with banks of matrices: LowerToPlanMatmul.cpp.
LogicalResult lower(GroupedMatmulOp op, StepBuilder &step);
LogicalResult lower(GroupedOuterOp op, StepBuilder &step);

// Rows one by one: LowerToPlanRows.cpp.
LogicalResult lower(GroupedBiasOp op, StepBuilder &step);
LogicalResult lower(GroupedSumOp op, StepBuilder &step);
LogicalResult lower(GroupedNormOp op, StepBuilder &step);
LogicalResult lower(GroupedNormBackwardOp op, StepBuilder &step);
LogicalResult lower(RopeOp op, StepBuilder &step);
LogicalResult lower(GroupedEmbeddingOp op, StepBuilder &step);
LogicalResult lower(GroupedEmbeddingBackwardOp op, StepBuilder &step);

// Elementwise: LowerToPlanElementwise.cpp.
LogicalResult lower(MapOp op, StepBuilder &step);
LogicalResult lower(ScaleOp op, StepBuilder &step);
/// An operation that upstream or motley calls elementwise, on tensors of f32.
LogicalResult lowerElementwise(Operation *op, StepBuilder &step);
/// Writes `from` to `to`, which has its type (f32).
void copy(Location loc, Value from, Value to, StepBuilder &step);
/// Writes a + b to `to`, which has their type (f32).
void add(Location loc, Value a, Value b, Value to, StepBuilder &step);

// Attention: LowerToPlanAttention.cpp.
LogicalResult lower(GroupedAttentionOp op, StepBuilder &step);
LogicalResult lower(GroupedAttentionBackwardOp op, StepBuilder &step);

// Losses: LowerToPlanLoss.cpp.
LogicalResult lower(GroupedCrossEntropyOp op, StepBuilder &step);
LogicalResult lower(GroupedCrossEntropyBackwardOp op, StepBuilder &step);
LogicalResult lower(LossSumsOp op, StepBuilder &step);

// Initial values and updates: LowerToPlanState.cpp.
LogicalResult lower(InitialiseOp op, StepBuilder &step);
LogicalResult lower(GradientNormOp op, StepBuilder &step);
LogicalResult lower(AdamWOp op, StepBuilder &step);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_LOWERTOPLAN_H
