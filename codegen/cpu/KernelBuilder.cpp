// Constants, operands, control flow and vector helpers of the kernel language.
#include "codegen/cpu/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::motley::codegen {

// ---- KernelBuilder: constants

KernelBuilder::KernelBuilder(KernelFrame &frame) : builder(frame.builder), loc(frame.loc()), frame(frame) {}

Type KernelBuilder::vectorOf(Type element, int64_t lanes) { return VectorType::get(lanes, element); }

Val KernelBuilder::constantOf(TypedAttr attribute) {
  Value &known = constants[attribute];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(frame.args.getParentBlock());
    known = arith::ConstantOp::create(builder, loc, attribute);
  }
  return {*this, known};
}
/// The attribute of a scalar constant, or of a vector of that scalar.
static TypedAttr splat(TypedAttr element, Type type) {
  if (auto shaped = dyn_cast<VectorType>(type))
    return SplatElementsAttr::get(shaped, Attribute(element));
  return element;
}
Val KernelBuilder::constant(double number, Type type) {
  return constantOf(splat(builder.getFloatAttr(getElementTypeOrSelf(type), number), type));
}
Val KernelBuilder::constant(int64_t number, Type type) {
  Type element = getElementTypeOrSelf(type);
  if (isa<FloatType>(element))
    return constant(static_cast<double>(number), type);
  APInt bits(64, static_cast<uint64_t>(number), /*isSigned=*/true);
  return constantOf(splat(IntegerAttr::get(element, bits.trunc(element.getIntOrFloatBitWidth())), type));
}
Val KernelBuilder::iota(Type element, int64_t lanes) {
  SmallVector<Attribute> values;
  for (int64_t lane = 0; lane < lanes; ++lane)
    values.push_back(builder.getIntegerAttr(element, lane));
  return constantOf(DenseElementsAttr::get(VectorType::get(lanes, element), values));
}
Val KernelBuilder::firstLanes(int64_t count, int64_t lanes) {
  if (count >= lanes)
    return {};
  SmallVector<bool> values;
  for (int64_t lane = 0; lane < lanes; ++lane)
    values.push_back(lane < count);
  return constantOf(DenseElementsAttr::get(VectorType::get(lanes, i1()), values));
}
Val KernelBuilder::lanesBelow(Val count, int64_t lanes) {
  // Counts are cut to the lanes first, so that 32 bits hold them.
  Val cut = convert(min(count, index(lanes)), i32());
  return iota(i32(), lanes) < cut;
}

// ---- KernelBuilder: operands

Type KernelBuilder::operandType(unsigned number) {
  return cast<TypeAttr>(frame.kernel.getOperandTypes()[number]).getValue();
}
unsigned KernelBuilder::numOperands() { return frame.kernel.getOperandTypes().size(); }

/// Argument slots are read at the head of the function.
static Value loadSlot(KernelBuilder &k, unsigned number, Type type) {
  OpBuilder::InsertionGuard guard(k.builder);
  Block *entry = k.frame.args.getParentBlock();
  k.builder.setInsertionPointToStart(entry);
  Value address = LLVM::GEPOp::create(k.builder, k.loc, k.frame.args.getType(), k.i64(), k.frame.args,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(number)});
  return LLVM::LoadOp::create(k.builder, k.loc, type, address, /*alignment=*/8);
}
Buffer KernelBuilder::operand(unsigned number) {
  auto type = cast<MemRefType>(operandType(number));
  Val pointer(*this, loadSlot(*this, number, frame.args.getType()));
  return Buffer(pointer, type.getElementType(), type.getShape());
}
Val KernelBuilder::scalar(unsigned number) {
  Type type = operandType(number);
  if (!type.isInteger(1))
    return {*this, loadSlot(*this, number, type)};
  // A true i1 may come sign-extended: an i1 in memory must not be anything but 0 or 1.
  OpBuilder::InsertionGuard guard(builder);
  Val slot(*this, loadSlot(*this, number, i64()));
  builder.setInsertionPointAfterValue(slot);
  return convert(slot, i1());
}
Buffer KernelBuilder::scratch(Type element, ArrayRef<int64_t> shape) {
  Val base(*this, frame.scratch);
  Buffer bytes(base, builder.getI8Type(), {});
  Buffer buffer(bytes.at(index(numScratchBytes)).pointer, element, shape);
  int64_t size = buffer.numElements() * (element.getIntOrFloatBitWidth() / 8);
  numScratchBytes += (size + 63) / 64 * 64;
  return buffer;
}
Buffer KernelBuilder::table(ArrayRef<double> values) {
  auto function = frame.args.getParentBlock()->getParentOp();
  std::string name = (SymbolTable::getSymbolName(function).getValue() + "_table" + Twine(numTables++)).str();
  auto type = LLVM::LLVMArrayType::get(f64(), values.size());
  auto tensorType = RankedTensorType::get({static_cast<int64_t>(values.size())}, f64());
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::Private, name,
                           DenseElementsAttr::get(tensorType, values), /*alignment=*/64);
  }
  Value address = LLVM::AddressOfOp::create(builder, loc, frame.args.getType(), name);
  return Buffer(Val(*this, address), f64(), {static_cast<int64_t>(values.size())});
}
Tile KernelBuilder::tile(unsigned number, Val entry) {
  Buffer row = operand(number).row(entry);
  return {convert(row.load(0), i64()), convert(row.load(1), i64()), convert(row.load(2), i64())};
}
Val KernelBuilder::lookUp(ArrayRef<int64_t> map, Val group) {
  Val result = index(map.back());
  for (int64_t g = static_cast<int64_t>(map.size()) - 2; g >= 0; --g)
    if (map[g] != map[g + 1])
      result = select(group <= g, index(map[g]), result);
  return result;
}

// ---- KernelBuilder: control

void KernelBuilder::units(function_ref<void(Val)> body) {
  loop(Val(*this, frame.begin), Val(*this, frame.end), 1, body);
}
void KernelBuilder::loop(IndexArg lower, IndexArg upper, IndexArg step, function_ref<void(Val)> body) {
  scf::ForOp::create(builder, loc, index(lower), index(upper), index(step), ValueRange(),
                     [&](OpBuilder &nested, Location, Value i, ValueRange) {
                       OpBuilder::InsertionGuard guard(builder);
                       builder.setInsertionPointToStart(nested.getInsertionBlock());
                       body(Val(*this, i));
                       scf::YieldOp::create(builder, loc);
                     });
}
KernelBuilder::Vals KernelBuilder::loop(IndexArg lower, IndexArg upper, IndexArg step, ArrayRef<Val> initial,
                                        function_ref<Vals(Val, ArrayRef<Val>)> body) {
  SmallVector<Value> start(initial.begin(), initial.end());
  auto op = scf::ForOp::create(builder, loc, index(lower), index(upper), index(step), start,
                               [&](OpBuilder &nested, Location, Value i, ValueRange carried) {
                                 OpBuilder::InsertionGuard guard(builder);
                                 builder.setInsertionPointToStart(nested.getInsertionBlock());
                                 Vals values;
                                 for (Value value : carried)
                                   values.push_back(Val(*this, value));
                                 Vals results = body(Val(*this, i), values);
                                 SmallVector<Value> yielded(results.begin(), results.end());
                                 scf::YieldOp::create(builder, loc, yielded);
                               });
  Vals results;
  for (Value value : op.getResults())
    results.push_back(Val(*this, value));
  return results;
}
void KernelBuilder::when(Val condition, function_ref<void()> then) {
  auto op = scf::IfOp::create(builder, loc, condition.value, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op.thenBlock()->getTerminator());
  then();
}
void KernelBuilder::when(Val condition, function_ref<void()> then, function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(builder, loc, condition.value, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op.thenBlock()->getTerminator());
  then();
  builder.setInsertionPoint(op.elseBlock()->getTerminator());
  otherwise();
}
KernelBuilder::Vals KernelBuilder::choose(Val condition, function_ref<Vals()> then, function_ref<Vals()> otherwise) {
  auto branch = [&](function_ref<Vals()> body) {
    return [this, body](OpBuilder &nested, Location) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(nested.getInsertionBlock());
      Vals results = body();
      SmallVector<Value> yielded(results.begin(), results.end());
      scf::YieldOp::create(builder, loc, yielded);
    };
  };
  auto thenBranch = branch(then), elseBranch = branch(otherwise);
  auto op = scf::IfOp::create(builder, loc, condition.value, thenBranch, elseBranch);
  Vals results;
  for (Value value : op.getResults())
    results.push_back(Val(*this, value));
  return results;
}

void KernelBuilder::tiles(unsigned number, ArrayRef<int64_t> map, function_ref<void(Tile, Val)> body) {
  units([&](Val unit) {
    Tile entry = tile(number, unit);
    Val member = lookUp(map, entry.group);
    if (!llvm::is_contained(map, -1))
      return body(entry, member);
    when(member >= 0, [&] { body(entry, member); });
  });
}

// ---- KernelBuilder: columns

void KernelBuilder::elements(Val lower, Val upper, function_ref<void(Val, Val)> body) {
  Val rest = (upper - lower) % kLanes;
  Val whole = upper - rest;
  loop(lower, whole, kLanes, [&](Val element) { body(element, {}); });
  when(rest > 0, [&] { body(whole, lanesBelow(rest)); });
}
void KernelBuilder::columns(int64_t width, function_ref<void(Val, Val)> body) {
  int64_t whole = width / kLanes * kLanes;
  if (whole == kLanes)
    body(index(0), {});
  else if (whole)
    loop(0, whole, kLanes, [&](Val column) { body(column, {}); });
  if (whole < width)
    body(index(whole), firstLanes(width - whole));
}
KernelBuilder::Vals KernelBuilder::foldColumns(int64_t width, ArrayRef<Val> initial,
                                               function_ref<Vals(Val, Val, ArrayRef<Val>)> body,
                                               function_ref<Val(Val, Val)> join) {
  constexpr int64_t kWays = 4;
  int64_t numQuantities = initial.size();
  Vals accumulators; // [way][quantity]
  for (int64_t way = 0; way < kWays; ++way)
    for (Val value : initial)
      accumulators.push_back(value.lanes() ? value : broadcast(value));
  auto step = [&](Val column, Val mask, int64_t way, Vals &state) {
    ArrayRef<Val> mine = ArrayRef(state).slice(way * numQuantities, numQuantities);
    Vals next = body(column, mask, mine);
    std::copy(next.begin(), next.end(), state.begin() + way * numQuantities);
  };
  int64_t numRounds = width / (kWays * kLanes);
  if (numRounds)
    accumulators = loop(0, numRounds * kWays * kLanes, kWays * kLanes, accumulators, [&](Val i, ArrayRef<Val> carried) {
      Vals state(carried);
      for (int64_t way = 0; way < kWays; ++way)
        step(i + way * kLanes, {}, way, state);
      return state;
    });
  int64_t column = numRounds * kWays * kLanes;
  for (int64_t way = 0; column < width; ++way, column += kLanes)
    step(index(column), firstLanes(width - column), way, accumulators);
  Vals results;
  for (int64_t q = 0; q < numQuantities; ++q) {
    auto part = [&](int64_t way) { return accumulators[way * numQuantities + q]; };
    results.push_back(join(join(part(0), part(1)), join(part(2), part(3))));
  }
  return results;
}
KernelBuilder::Vals KernelBuilder::sumColumns(int64_t width, int64_t numSums,
                                              function_ref<Vals(Val, Val, ArrayRef<Val>)> body) {
  Vals initial(numSums, zeros());
  Vals results = foldColumns(width, initial, body, [](Val a, Val b) { return a + b; });
  for (Val &result : results)
    result = sum(result);
  return results;
}

// ---- KernelBuilder: vectors and conversions

Val KernelBuilder::broadcast(Val scalar, int64_t lanes) {
  if (auto constant = scalar.value.getDefiningOp<arith::ConstantOp>())
    return constantOf(splat(cast<TypedAttr>(constant.getValue()), vectorOf(scalar.getType(), lanes)));
  return {*this, vector::BroadcastOp::create(builder, loc, vectorOf(scalar.getType(), lanes), scalar.value)};
}
Val KernelBuilder::extract(Val vector, int64_t lane) {
  return {*this, LLVM::ExtractElementOp::create(builder, loc, vector.value, index(lane).value)};
}
Val KernelBuilder::shuffle(Val a, Val b, ArrayRef<int64_t> lanes) {
  SmallVector<int32_t> mask(lanes.begin(), lanes.end());
  return {*this, LLVM::ShuffleVectorOp::create(builder, loc, a.value, b.value, mask)};
}
Val KernelBuilder::reduce(Val vector, function_ref<Val(Val, Val)> join) {
  for (int64_t half = vector.lanes() / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < half; ++lane) {
      low.push_back(lane);
      high.push_back(lane + half);
    }
    vector = join(shuffle(vector, vector, low), shuffle(vector, vector, high));
  }
  return extract(vector, 0);
}
Val KernelBuilder::sum(Val vector) {
  return reduce(vector, [](Val a, Val b) { return a + b; });
}
void KernelBuilder::transpose(MutableArrayRef<Val> vectors) {
  assert(vectors.size() == kLanes && "16 vectors of 16 lanes");
  // Every shuffle is one instruction: within quarters of 4 lanes unpacks, of whole quarters shuf32x4.
  auto ofQuarters = [&](Val a, Val b, ArrayRef<int64_t> quarter) { // lanes 0..3 of a, 4..7 of b, in every quarter
    SmallVector<int64_t> lanes;
    for (int64_t first = 0; first < kLanes; first += 4)
      for (int64_t lane : quarter)
        lanes.push_back(first + (lane < 4 ? lane : kLanes + lane - 4));
    return shuffle(a, b, lanes);
  };
  auto everySecondQuarter = [&](Val a, Val b, int64_t first) {
    SmallVector<int64_t> lanes;
    for (int64_t quarter = first; quarter < 8; quarter += 2)
      for (int64_t lane = 0; lane < 4; ++lane)
        lanes.push_back(quarter * 4 + lane);
    return shuffle(a, b, lanes);
  };
  // Four vectors at a time: vector j of the four gets column 4 q + j of them in quarter q.
  for (int64_t i = 0; i < kLanes; i += 4) {
    MutableArrayRef<Val> v = vectors.slice(i, 4);
    Val low01 = ofQuarters(v[0], v[1], {0, 4, 1, 5}), high01 = ofQuarters(v[0], v[1], {2, 6, 3, 7});
    Val low23 = ofQuarters(v[2], v[3], {0, 4, 1, 5}), high23 = ofQuarters(v[2], v[3], {2, 6, 3, 7});
    v[0] = ofQuarters(low01, low23, {0, 1, 4, 5});
    v[1] = ofQuarters(low01, low23, {2, 3, 6, 7});
    v[2] = ofQuarters(high01, high23, {0, 1, 4, 5});
    v[3] = ofQuarters(high01, high23, {2, 3, 6, 7});
  }
  // Then quarter q of vector 4 g + j becomes quarter g of vector 4 q + j.
  for (int64_t j = 0; j < 4; ++j) {
    Val a = vectors[j], b = vectors[4 + j], c = vectors[8 + j], d = vectors[12 + j];
    Val even01 = everySecondQuarter(a, b, 0), odd01 = everySecondQuarter(a, b, 1);
    Val even23 = everySecondQuarter(c, d, 0), odd23 = everySecondQuarter(c, d, 1);
    vectors[j] = everySecondQuarter(even01, even23, 0);
    vectors[8 + j] = everySecondQuarter(even01, even23, 1);
    vectors[4 + j] = everySecondQuarter(odd01, odd23, 0);
    vectors[12 + j] = everySecondQuarter(odd01, odd23, 1);
  }
}

/// `element`, or a vector of it where `value` is a vector.
static Type withShapeOf(Val value, Type element) {
  return value.lanes() ? Type(VectorType::get(value.lanes(), element)) : element;
}
Val KernelBuilder::convert(Val value, Type element) {
  Type from = value.elementType(), type = withShapeOf(value, element);
  unsigned fromBits = from.getIntOrFloatBitWidth(), bits = element.getIntOrFloatBitWidth();
  if (from == element)
    return value;
  bool fromFloat = isa<FloatType>(from), toFloat = isa<FloatType>(element);
  if (fromFloat && toFloat)
    return {*this, bits > fromBits ? Value(arith::ExtFOp::create(builder, loc, type, value.value))
                                   : Value(arith::TruncFOp::create(builder, loc, type, value.value))};
  if (fromFloat)
    return {*this, arith::FPToSIOp::create(builder, loc, type, value.value)};
  if (toFloat)
    return {*this, arith::SIToFPOp::create(builder, loc, type, value.value)};
  return {*this, bits > fromBits ? Value(arith::ExtSIOp::create(builder, loc, type, value.value))
                                 : Value(arith::TruncIOp::create(builder, loc, type, value.value))};
}
Val KernelBuilder::convertUnsigned(Val value, Type element) {
  Type type = withShapeOf(value, element);
  if (isa<FloatType>(element))
    return {*this, arith::UIToFPOp::create(builder, loc, type, value.value)};
  if (element.getIntOrFloatBitWidth() > value.elementType().getIntOrFloatBitWidth())
    return {*this, arith::ExtUIOp::create(builder, loc, type, value.value)};
  return convert(value, element);
}
Val KernelBuilder::bitcast(Val value, Type element) {
  return {*this, LLVM::BitcastOp::create(builder, loc, withShapeOf(value, element), value.value)};
}

} // namespace mlir::motley::codegen
