#include "codegen/cpu/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::motley::codegen {

// ---- Val

int64_t Val::lanes() const {
  auto type = dyn_cast<VectorType>(value.getType());
  return type ? type.getNumElements() : 0;
}
Val Val::like(double number) const { return kernel->constant(number, getType()); }
Val Val::like(int64_t number) const { return kernel->constant(number, getType()); }

/// Broadcasts the scalar of a scalar and a vector.
static void match(Val &a, Val &b) {
  if (a.lanes() && !b.lanes())
    b = a.kernel->broadcast(b, a.lanes());
  else if (b.lanes() && !a.lanes())
    a = a.kernel->broadcast(a, b.lanes());
}

template <typename FloatOp, typename IntOp> static Val binary(Val a, Val b) {
  match(a, b);
  KernelBuilder &k = *a.kernel;
  if (a.isFloat())
    return {k, FloatOp::create(k.builder, k.loc, a.value, b.value)};
  return {k, IntOp::create(k.builder, k.loc, a.value, b.value)};
}
template <typename IntOp> static Val bitwise(Val a, Val b) {
  match(a, b);
  return {*a.kernel, IntOp::create(a.kernel->builder, a.kernel->loc, a.value, b.value)};
}
static Val compare(Val a, Val b, arith::CmpFPredicate floats, arith::CmpIPredicate integers) {
  match(a, b);
  KernelBuilder &k = *a.kernel;
  if (a.isFloat())
    return {k, arith::CmpFOp::create(k.builder, k.loc, floats, a.value, b.value)};
  return {k, arith::CmpIOp::create(k.builder, k.loc, integers, a.value, b.value)};
}

Val operator+(Val a, Val b) { return binary<arith::AddFOp, arith::AddIOp>(a, b); }
Val operator-(Val a, Val b) { return binary<arith::SubFOp, arith::SubIOp>(a, b); }
Val operator*(Val a, Val b) { return binary<arith::MulFOp, arith::MulIOp>(a, b); }
Val operator/(Val a, Val b) { return binary<arith::DivFOp, arith::DivSIOp>(a, b); }
Val operator%(Val a, Val b) { return bitwise<arith::RemSIOp>(a, b); }
Val operator&(Val a, Val b) { return bitwise<arith::AndIOp>(a, b); }
Val operator|(Val a, Val b) { return bitwise<arith::OrIOp>(a, b); }
Val operator^(Val a, Val b) { return bitwise<arith::XOrIOp>(a, b); }
Val operator<<(Val a, Val b) { return bitwise<arith::ShLIOp>(a, b); }
Val operator>>(Val a, Val b) { return bitwise<arith::ShRUIOp>(a, b); }
Val operator-(Val a) {
  if (a.isFloat())
    return {*a.kernel, arith::NegFOp::create(a.kernel->builder, a.kernel->loc, a.value)};
  return a.like(int64_t(0)) - a;
}
Val operator<(Val a, Val b) { return compare(a, b, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt); }
Val operator<=(Val a, Val b) { return compare(a, b, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle); }
Val operator>(Val a, Val b) { return compare(a, b, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt); }
Val operator>=(Val a, Val b) { return compare(a, b, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge); }
Val operator==(Val a, Val b) { return compare(a, b, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq); }
Val operator!=(Val a, Val b) { return compare(a, b, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne); }

Val fma(Val a, Val b, Val c) {
  match(a, b);
  match(a, c);
  match(b, c);
  KernelBuilder &k = *a.kernel;
  return {k, LLVM::FMAOp::create(k.builder, k.loc, a.getType(), a.value, b.value, c.value)};
}
Val select(Val condition, Val ifTrue, Val ifFalse) {
  match(ifTrue, ifFalse);
  if (condition.lanes() && !ifTrue.lanes()) {
    ifTrue = ifTrue.kernel->broadcast(ifTrue, condition.lanes());
    ifFalse = ifFalse.kernel->broadcast(ifFalse, condition.lanes());
  }
  KernelBuilder &k = *ifTrue.kernel;
  return {k, arith::SelectOp::create(k.builder, k.loc, condition.value, ifTrue.value, ifFalse.value)};
}
Val max(Val a, Val b) { return select(a > b, a, b); }
Val min(Val a, Val b) { return select(a < b, a, b); }
Val shiftRightSigned(Val a, int64_t bits) { return bitwise<arith::ShRSIOp>(a, a.like(bits)); }

template <typename Op> static Val intrinsic(Val a) {
  return {*a.kernel, Op::create(a.kernel->builder, a.kernel->loc, a.getType(), a.value)};
}
Val abs(Val a) { return intrinsic<LLVM::FAbsOp>(a); }
Val sqrt(Val a) { return intrinsic<LLVM::SqrtOp>(a); }
Val roundEven(Val a) { return intrinsic<LLVM::RoundEvenOp>(a); }
Val floor(Val a) { return intrinsic<LLVM::FFloorOp>(a); }

// ---- Buffer

int64_t Buffer::numElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}
Value Buffer::address(Val index) const {
  KernelBuilder &k = *pointer.kernel;
  return LLVM::GEPOp::create(k.builder, k.loc, pointer.getType(), element, pointer.value, ValueRange{index.value});
}
Buffer Buffer::at(Val offset) const { return Buffer(Val(*pointer.kernel, address(offset)), element, shape); }
Buffer Buffer::row(Val index) const {
  int64_t rowSize = numElements() / shape[0];
  return Buffer(at(index * rowSize).pointer, element, ArrayRef(shape).drop_front());
}
Val Buffer::load(Val index) const {
  KernelBuilder &k = *pointer.kernel;
  unsigned alignment = element.getIntOrFloatBitWidth() / 8;
  return {k, LLVM::LoadOp::create(k.builder, k.loc, element, address(index), alignment)};
}
Val Buffer::loadVector(Val index, int64_t lanes, Val mask) const {
  KernelBuilder &k = *pointer.kernel;
  unsigned alignment = element.getIntOrFloatBitWidth() / 8;
  Type type = VectorType::get(lanes, element);
  if (!mask)
    return {k, LLVM::LoadOp::create(k.builder, k.loc, type, address(index), alignment)};
  Val zero = isa<FloatType>(element) ? k.constant(0.0, type) : k.constant(int64_t(0), type);
  return {k, LLVM::MaskedLoadOp::create(k.builder, k.loc, type, address(index), mask.value, zero.value,
                                        k.builder.getI32IntegerAttr(alignment), UnitAttr())};
}
void Buffer::store(Val value, Val index, Val mask) const {
  KernelBuilder &k = *pointer.kernel;
  unsigned alignment = element.getIntOrFloatBitWidth() / 8;
  if (!mask)
    LLVM::StoreOp::create(k.builder, k.loc, value.value, address(index), alignment);
  else
    LLVM::MaskedStoreOp::create(k.builder, k.loc, value.value, address(index), mask.value, alignment);
}
Val Buffer::load(int64_t index) const { return load(pointer.kernel->index(index)); }
Val Buffer::loadVector(int64_t index, int64_t lanes, Val mask) const {
  return loadVector(pointer.kernel->index(index), lanes, mask);
}
void Buffer::store(Val value, int64_t index, Val mask) const { store(value, pointer.kernel->index(index), mask); }

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
  std::string name =
      (SymbolTable::getSymbolName(function).getValue() + "_table" + Twine(numTables++)).str();
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
Val KernelBuilder::anyOf(Val mask) {
  int64_t lanes = mask.lanes();
  Value bits = LLVM::BitcastOp::create(builder, loc, builder.getIntegerType(lanes), mask.value);
  return Val(*this, bits) != int64_t(0);
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
