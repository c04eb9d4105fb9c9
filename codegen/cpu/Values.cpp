// Values and buffers of the kernel language: every operator builds one operation.
#include "codegen/cpu/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

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
Val sqrt(Val a) { return intrinsic<LLVM::SqrtOp>(a); }
Val roundEven(Val a) { return intrinsic<LLVM::RoundEvenOp>(a); }

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

} // namespace mlir::motley::codegen
