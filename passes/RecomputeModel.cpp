// When each value of a function is alive, under a plan of what to compute again. Costs are those that lowering to the
// plan writes on launches; memory is that of the buffers that it makes, small ones aside.
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/KernelChoice.h"
#include "passes/Recomputation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::motley;

/// What moving a byte costs in FLOPs: a core multiplies about 100 GFLOP/s and streams about 10 GB/s.
static constexpr int64_t kFlopsPerByte = 8;
/// What is needed to compute a value again and is smaller than that value by this factor is kept for it.
static constexpr int64_t kSmallFactor = 8;

static int64_t countElements(Value value) { return cast<ShapedType>(value.getType()).getNumElements(); }

static bool isFloats(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isF32();
}

bool mlir::motley::isView(Operation *op) {
  if (isa<SplitGroupsOp>(op))
    return true;
  auto merge = dyn_cast<MergeGroupsOp>(op);
  auto source = [](Value value) {
    auto split = value.getDefiningOp<SplitGroupsOp>();
    return split ? split.getInput() : value;
  };
  return merge &&
         llvm::all_of(merge.getInputs(), [&](Value input) { return source(input) == source(merge.getInputs()[0]); });
}

Operation *mlir::motley::findBackwardStart(func::FuncOp function) {
  for (auto scale : function.getOps<ScaleOp>())
    if (auto factor = dyn_cast<BlockArgument>(scale.getFactor()))
      if (auto name = function.getArgAttrOfType<StringAttr>(factor.getArgNumber(), kScalarAttrName);
          name && name.getValue() == "inverse_normaliser")
        return scale;
  return nullptr;
}

int64_t mlir::motley::countFlops(Operation *op) {
  auto countRegion = [](Region &region) -> int64_t {
    return region.empty() ? 0 : llvm::range_size(region.front().without_terminator());
  };
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case([&](GroupedMatmulOp product) {
        BankOp bank = lookupBank(product, product.getBankAttr());
        int64_t columns = 0;
        for (int64_t range : product.getRanges())
          columns += bank.getRangeType(range).getDimSize(1);
        Value result = product.getResults().front();
        return 2 * numRows(result) * bank.getRangeType(0).getDimSize(0) * columns +
               countElements(result) * countRegion(product.getEpilogue());
      })
      .Case([](GroupedAttentionOp attention) {
        int64_t rows = numRows(attention.getQuery());
        int64_t pairs = attention.getMask() == Mask::causal ? rows * (rows + 1) / 2 : rows * rows;
        return 4 * pairs * numColumns(attention.getQuery());
      })
      .Case([](GroupedNormOp norm) { return 4 * countElements(norm.getInput()); })
      .Case([](RopeOp rope) { return 3 * countElements(rope.getInput()); })
      .Case([](SoftmaxOp softmax) { return 5 * countElements(softmax.getInput()); })
      .Case([](LogSumExpOp logs) { return 4 * countElements(logs.getInput()); })
      .Case([&](MapOp map) { return countElements(map.getResults().front()) * countRegion(map.getBody()); })
      .Case<GatherRowsOp, GroupedEmbeddingOp, RowBroadcastOp, MergeGroupsOp>([](Operation *) { return 0; })
      .Default([](Operation *other) { return countElements(other->getOperand(0)); });
}

/// Whether an operation computes rows from rows: anything else is kept, above all tables, choices and their weights.
static bool computesRows(Operation *op) {
  if (!llvm::all_of(op->getResultTypes(), isFloats) || op->getNumResults() == 0 || !isMemoryEffectFree(op) ||
      isView(op) || op->hasTrait<OpTrait::ConstantLike>())
    return false;
  return isa<GroupedMatmulOp, GroupedNormOp, GroupedAttentionOp, GroupedBiasOp, GroupedEmbeddingOp, RopeOp,
             GatherRowsOp, CombineRowsOp, MergeGroupsOp, MapOp, ScaleOp, RowSumOp, RowBroadcastOp, SoftmaxOp,
             LogSumExpOp>(op) ||
         op->hasTrait<OpTrait::Elementwise>();
}

/// Whether a choice reads a result: scores are kept beside what they decided.
static bool feedsChoice(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    return isa<ChooseExpertsOp, ChooseTokensOp, ChooseAboveOp, ChooseTopPOp, LimitCapacityOp>(user) ||
           (isView(user) && feedsChoice(user));
  });
}

/// Bytes of a table: rows and their inverse, or what each row has, and offsets.
static int64_t bytesOf(GroupsType groups) {
  return 4 * (2 * groups.getBound() + (groups.isSelection() ? groups.getNumRows() + 1 : 0) + groups.getNumGroups() + 1);
}

static int64_t bytesOf(Value value) {
  if (auto groups = dyn_cast<GroupsType>(value.getType()))
    return bytesOf(groups);
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  if (!tensor)
    return 0;
  int64_t bytes = tensor.getNumElements() * llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
  return llvm::alignTo(bytes, plan::kBufferAlignment);
}

/// The buffers that an operation's kernels share.
static int64_t countScratch(Operation *op) {
  auto logits = [](Value input, BankOp head) {
    return 4 * std::min(numRows(input), kHeadWindow) * head.getRangeType(0).getDimSize(1);
  };
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<GroupedCrossEntropyOp, GroupedCrossEntropyBackwardOp>(
          [&](auto loss) { return logits(loss.getInput(), lookupBank(loss, loss.getBankAttr())); })
      .Case([](GroupedAttentionBackwardOp attention) { return bytesOf(attention.getLogSumExp()); })
      .Default(int64_t(0));
}

int64_t RecomputeModel::Outcome::excess(int64_t budget) const {
  int64_t sum = 0;
  for (int64_t bytes : profile)
    sum += std::max<int64_t>(0, bytes - budget);
  return sum;
}

RecomputeModel::RecomputeModel(func::FuncOp function, Operation *backwardStart) {
  Block &block = function.getBody().front();
  Operation *end = block.getTerminator();
  for (Operation &op : block.without_terminator()) {
    if (&op == backwardStart)
      backwardBegin = operations.size();
    addItem(&op);
  }
  for (Value result : end->getOperands()) // an output, not memory of the step's own
    if (auto found = storageOf.find(result); found != storageOf.end())
      storages[found->second].bytes = 0;
  for (auto [index, item] : llvm::enumerate(items)) {
    int now = index;
    for (int id : item.reads) {
      Storage &storage = storages[id];
      storage.last = now;
      if (now < backwardBegin)
        storage.lastForward = now;
      else
        storage.firstBackward = std::min(storage.firstBackward, now);
    }
    item.cost = item.flops + kFlopsPerByte * (getBytes(item.reads) + getBytes(item.writes));
    if (now < backwardBegin && item.isPure)
      candidates.push_back(now);
  }
}

int RecomputeModel::addStorage(Value value, int64_t bytes, int producer) {
  storageOf[value] = storages.size();
  storages.push_back({bytes, producer});
  return storages.size() - 1;
}

int64_t RecomputeModel::getBytes(ArrayRef<int> ids) const {
  int64_t sum = 0;
  for (int id : ids)
    sum += storages[id].bytes;
  return sum;
}

void RecomputeModel::addItem(Operation *op) {
  int index = operations.size();
  operations.push_back(op);
  Item &item = items.emplace_back();
  for (Value operand : op->getOperands()) {
    auto found = storageOf.find(operand);
    if (found != storageOf.end() && !isView(op))
      if (!llvm::is_contained(item.reads, found->second))
        item.reads.push_back(found->second);
  }
  if (isView(op)) {
    Value input = op->getOperand(0);
    if (auto found = storageOf.find(input); found != storageOf.end()) {
      int id = found->second;
      for (Value result : op->getResults())
        storageOf[result] = id;
    }
    return;
  }
  // Elementwise operations have constants inside.
  bool isNumber = op->hasTrait<OpTrait::ConstantLike>() &&
                  llvm::all_of(op->getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::Elementwise>(); });
  if (!isNumber)
    for (Value result : op->getResults())
      if (isa<RankedTensorType, GroupsType>(result.getType()))
        item.writes.push_back(addStorage(result, bytesOf(result), index));
  item.scratch = countScratch(op);
  item.isInPlace = op->hasTrait<OpTrait::Elementwise>() || isa<MapOp, ScaleOp>(op);
  if (auto combine = dyn_cast<CombineRowsOp>(op))
    item.isInPlace = combine.getOtherwise() || combine.getPlus();
  if (auto product = dyn_cast<GroupedMatmulOp>(op))
    item.dropsUnread = !product.getEpilogue().empty();
  item.isPure = computesRows(op) && !feedsChoice(op);
  if (item.isPure)
    item.flops = countFlops(op);
}

std::vector<int> RecomputeModel::placeClones(const Plan &plan) const {
  std::vector<int> place(backwardBegin, kNowhere), needed(storages.size(), kNowhere);
  std::vector<bool> isPulled(backwardBegin, false);
  // Readers come before what they read.
  for (int index = backwardBegin - 1; index >= 0; --index) {
    const Item &item = items[index];
    if (!plan[index] && !isPulled[index])
      continue;
    for (int id : item.writes)
      place[index] = std::min({place[index], storages[id].firstBackward, needed[id]});
    if (place[index] == kNowhere) // nobody in the backward asks for it
      continue;
    int64_t saved = getBytes(item.writes);
    for (int id : item.reads) {
      const Storage &storage = storages[id];
      needed[id] = std::min(needed[id], place[index]);
      bool isKept = storage.firstBackward != kNowhere || storage.bytes * kSmallFactor <= saved;
      if (storage.producer >= 0 && items[storage.producer].isPure && !isKept)
        isPulled[storage.producer] = true;
    }
  }
  return place;
}

RecomputeModel::Outcome RecomputeModel::evaluate(const Plan &plan) const {
  Outcome outcome;
  outcome.place = placeClones(plan);
  int numItems = items.size(), numForward = backwardBegin;

  // Clones stand before their place in the order of their originals. When everything runs:
  std::vector<int> numAt(numItems + 1, 0), timeOf(numItems), cloneTime(numForward, -1);
  for (int place : outcome.place)
    if (place != kNowhere)
      ++numAt[place];
  std::vector<int> nextClone(numItems + 1, 0);
  int now = 0;
  for (int index = 0; index < numItems; ++index) {
    nextClone[index] = now;
    now += numAt[index];
    timeOf[index] = now++;
  }
  for (int index = 0; index < numForward; ++index)
    if (outcome.place[index] != kNowhere)
      cloneTime[index] = nextClone[outcome.place[index]]++;

  std::vector<int> lastClone(storages.size(), -1);
  for (int index = 0; index < numForward; ++index)
    if (cloneTime[index] >= 0) {
      outcome.flops += items[index].flops;
      outcome.cost += items[index].cost;
      for (int id : items[index].reads)
        lastClone[id] = std::max(lastClone[id], cloneTime[index]);
    }

  std::vector<int64_t> change(now + 1, 0);
  auto keep = [&](int64_t bytes, int from, int to) {
    change[from] += bytes;
    change[to + 1] -= bytes;
  };
  // The ends of lives, for what is written in place: of the original (or only) life, and of the clone's.
  std::vector<int> endFirst(storages.size(), -1), endSecond(storages.size(), -1);
  for (auto [id, storage] : llvm::enumerate(storages)) {
    const Item &producer = items[storage.producer];
    int from = timeOf[storage.producer];
    bool isCloned = storage.producer < numForward && cloneTime[storage.producer] >= 0;
    int lastRead = isCloned ? storage.lastForward : storage.last;
    int to = std::max({from, lastRead < 0 ? -1 : timeOf[lastRead], isCloned ? -1 : lastClone[id]});
    if (to > from || !producer.dropsUnread || (!isCloned && storage.last < 0)) {
      keep(storage.bytes, from, to);
      endFirst[id] = to;
    }
    if (!isCloned)
      continue;
    from = cloneTime[storage.producer];
    to = std::max({from, storage.firstBackward == kNowhere ? -1 : timeOf[storage.last], lastClone[id]});
    if (to > from || !producer.dropsUnread) {
      keep(storage.bytes, from, to);
      endSecond[id] = to;
    }
    if (storage.firstBackward != kNowhere) {
      ++outcome.numDropped;
      outcome.droppedBytes += storage.bytes;
    }
  }
  auto runAt = [&](const Item &item, int time) {
    change[time] += item.scratch;
    change[time + 1] -= item.scratch;
    if (!item.isInPlace || item.writes.size() != 1)
      return;
    int64_t bytes = storages[item.writes[0]].bytes;
    for (int id : item.reads)
      if (storages[id].bytes == bytes && (endFirst[id] == time || endSecond[id] == time)) {
        keep(-bytes, time, time);
        return;
      }
  };
  for (int index = 0; index < numItems; ++index) {
    runAt(items[index], timeOf[index]);
    if (index < numForward && cloneTime[index] >= 0)
      runAt(items[index], cloneTime[index]);
  }

  outcome.profile.resize(now);
  int64_t alive = 0;
  for (int time = 0; time < now; ++time)
    outcome.peak = std::max(outcome.peak, outcome.profile[time] = alive += change[time]);
  return outcome;
}
