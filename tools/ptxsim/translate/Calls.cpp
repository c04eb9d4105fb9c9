// Calls (PTX ISA 9.0, section 9.7.12.5). Arguments go in one block laid out as the callee declares them, results come
// back in another; with poison a block of shadows of the same layout follows each.
#include "translate/Emitter.h"

#include "check/Poison.h"

#include "llvm/IR/MDBuilder.h"

namespace ptxsim::jit {

using llvm::Value;
using ptx::Type;

/// The parts of a call: (results), callee, (arguments), prototype or list of targets.
struct FunctionEmitter::CallParts {
  const Operand *results = nullptr, *callee = nullptr, *arguments = nullptr;
  const ptx::Function *prototype = nullptr;
};

static size_t listSize(const ptx::Operand *list) { return list ? list->elements.size() : 0; }

llvm::AllocaInst *FunctionEmitter::block(llvm::AllocaInst *&array, uint64_t &size, uint64_t bytes) {
  bytes = std::max<uint64_t>(1, bytes * (poison() ? 2 : 1));
  if (!array)
    array = entryAlloca(llvm::ArrayType::get(b.getInt8Ty(), bytes), 64);
  if (bytes > size) {
    size = bytes;
    array->setAllocatedType(llvm::ArrayType::get(b.getInt8Ty(), bytes));
  }
  return array;
}

static llvm::Value *at(llvm::IRBuilderBase &b, llvm::Value *block, uint64_t offset) {
  return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), block, offset);
}

void FunctionEmitter::storeArgument(Value *block, uint64_t blockBytes, uint64_t offset, const ptx::Variable &parameter,
                                    const Operand &argument, const Instruction &i) {
  if (argument.variable) {
    Operand whole;
    whole.variable = argument.variable;
    Place from;
    if (argument.variable->bytes != parameter.bytes || !parameterPlace(i, whole, parameter.bytes, from))
      fail(i, "argument '" + argument.variable->name + "' has " + std::to_string(argument.variable->bytes) +
                  " bytes, the parameter " + std::to_string(parameter.bytes));
    b.CreateMemCpy(at(b, block, offset), llvm::Align(1), from.host, llvm::Align(1), parameter.bytes);
    if (from.shadow)
      b.CreateMemCpy(at(b, block, blockBytes + offset), llvm::Align(1), from.shadow, llvm::Align(1), parameter.bytes);
    else if (poison())
      b.CreateMemSet(at(b, block, blockBytes + offset), b.getInt8(0), parameter.bytes, llvm::Align(1));
    return;
  }
  unsigned width = parameter.bytes * 8;
  if (!width || width > 128)
    fail(i, "an argument in a register for a parameter of " + std::to_string(parameter.bytes) + " bytes");
  Bits bits = readWidth(argument, width, parameter.type);
  b.CreateAlignedStore(bits.value, at(b, block, offset), llvm::Align(1));
  if (poison())
    b.CreateAlignedStore(bits.shadow ? bits.shadow : constant(width, 0), at(b, block, blockBytes + offset),
                         llvm::Align(1));
}

void FunctionEmitter::loadResult(Value *block, uint64_t blockBytes, uint64_t offset, const ptx::Variable &result,
                                 const Operand &operand, const Instruction &i) {
  if (operand.kind == Operand::Kind::Sink)
    return;
  if (operand.variable) {
    Operand whole;
    whole.variable = operand.variable;
    Place to;
    if (operand.variable->bytes != result.bytes || !parameterPlace(i, whole, result.bytes, to))
      fail(i, "'" + operand.variable->name + "' has " + std::to_string(operand.variable->bytes) +
                  " bytes, the result " + std::to_string(result.bytes));
    b.CreateMemCpy(to.host, llvm::Align(1), at(b, block, offset), llvm::Align(1), result.bytes);
    if (to.shadow)
      b.CreateMemCpy(to.shadow, llvm::Align(1), at(b, block, blockBytes + offset), llvm::Align(1), result.bytes);
    return;
  }
  unsigned width = result.bytes * 8;
  if (!width || width > 128)
    fail(i, "a register for a result of " + std::to_string(result.bytes) + " bytes");
  Bits bits{b.CreateAlignedLoad(intType(width), at(b, block, offset), llvm::Align(1)), nullptr};
  if (poison())
    bits.shadow = b.CreateAlignedLoad(intType(width), at(b, block, blockBytes + offset), llvm::Align(1));
  write(operand, bits);
}

void FunctionEmitter::emitCall(const Instruction &i) {
  CallParts parts;
  for (const Operand &operand : i.operands) {
    if (operand.kind == Operand::Kind::Prototype)
      parts.prototype = operand.prototype;
    else if (operand.kind == Operand::Kind::Targets)
      parts.prototype = operand.elements.empty() ? nullptr : operand.elements[0].function;
    else if (operand.kind != Operand::Kind::Vector)
      parts.callee = &operand;
    else
      (parts.callee ? parts.arguments : parts.results) = &operand;
  }
  if (!parts.callee)
    fail(i, "no callee");
  if (parts.callee->kind != Operand::Kind::Function)
    return callIndirect(i, parts);
  const ptx::Function *callee = parts.callee->function;
  const ptx::Function *body = program.definition(*callee);
  if (!body)
    return callSystem(i, *callee, parts);
  if (body->isEntry)
    fail(i, "'" + body->name + "' is a kernel");
  program.noteCall(function, *body);
  passAndReceive(i, *body, parts, [&](Value *in, Value *out) { b.CreateCall(program.code(*body), {thread, in, out}); });
}

void FunctionEmitter::passAndReceive(const Instruction &i, const ptx::Function &callee, const CallParts &parts,
                                     llvm::function_ref<void(Value *, Value *)> call) {
  if (listSize(parts.arguments) != callee.parameters.size() || listSize(parts.results) > callee.results.size())
    fail(i, "'" + callee.name + "' takes " + std::to_string(callee.parameters.size()) + " arguments and gives " +
                std::to_string(callee.results.size()) + " results");
  uint64_t inBytes = callee.parameterBytes(), outBytes = ProgramEmitter::resultOffset(callee, nullptr);
  Value *in = block(callBlock, callBlockBytes, inBytes), *out = block(resultBlock, resultBlockBytes, outBytes);
  for (size_t k = 0; k < callee.parameters.size(); ++k)
    storeArgument(in, inBytes, callee.parameterOffset(*callee.parameters[k]), *callee.parameters[k],
                  parts.arguments->elements[k], i);
  if (poison() && outBytes)
    b.CreateMemSet(at(b, out, outBytes), b.getInt8(0xff), outBytes, llvm::Align(1));
  call(in, out);
  settled = false;
  for (size_t k = 0; k < listSize(parts.results); ++k)
    loadResult(out, outBytes, ProgramEmitter::resultOffset(callee, callee.results[k].get()), *callee.results[k],
               parts.results->elements[k], i);
}

/// The handle must be that of a function with a body whose blocks have the sizes that the prototype says.
void FunctionEmitter::callIndirect(const Instruction &i, const CallParts &parts) {
  if (!parts.prototype)
    fail(i, "an indirect call needs a prototype or a list of targets");
  program.noteIndirectCall();
  Bits handle = readWidth(*parts.callee, 64);
  reportIf(handle.shadow, ptxsim_poison_address, i);
  Value *offset = b.CreateSub(handle.value, b.getInt64(kFunctionWindow));
  Value *index = b.CreateLShr(offset, 4);
  Value *known = b.CreateAnd(b.CreateICmpULT(index, b.getInt64(program.table.size())),
                             b.CreateIsNull(b.CreateAnd(offset, b.getInt64(15))));
  llvm::Type *entryType = llvm::StructType::get(b.getPtrTy(), b.getInt64Ty());
  static_assert(sizeof(TableEntry) == 16 && offsetof(TableEntry, signature) == 8);
  // An unknown handle looks at entry 0, and is refused all the same.
  Value *entry = b.CreateGEP(entryType, pointer(program.table.data()), b.CreateSelect(known, index, b.getInt64(0)));
  Value *code = b.CreateLoad(b.getPtrTy(), entry);
  Value *signature = b.CreateLoad(b.getInt64Ty(), b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), entry, 8));
  Value *good = b.CreateAnd(b.CreateAnd(known, b.CreateIsNotNull(code)),
                            b.CreateICmpEQ(signature, b.getInt64(ProgramEmitter::signature(*parts.prototype))));
  when(
      b.CreateNot(good),
      [&] {
        callAddress(reinterpret_cast<const void *>(ptxsim_bad_callee), b.getVoidTy(),
                    {thread, pointer(&site(i)), handle.value});
        b.CreateUnreachable();
        terminated = true;
      },
      true);
  llvm::Type *address = b.getPtrTy();
  auto *type = llvm::FunctionType::get(b.getVoidTy(), {address, address, address}, false);
  passAndReceive(i, *parts.prototype, parts, [&](Value *in, Value *out) {
    b.CreateCall(type, code, {thread, in, out});
  });
}

/// A function that the system provides: a handler whose sources are the arguments, a slot each.
void FunctionEmitter::callSystem(const Instruction &i, const ptx::Function &callee, const CallParts &parts) {
  Site &site = this->site(i);
  site.handler = systemFunction(callee.name);
  if (!site.handler) {
    callAddress(reinterpret_cast<const void *>(ptxsim_undefined_function), b.getVoidTy(), {thread, pointer(&site)});
    return;
  }
  if (listSize(parts.arguments) != callee.parameters.size() || listSize(parts.results) > callee.results.size())
    fail(i, "'" + callee.name + "' takes " + std::to_string(callee.parameters.size()) + " arguments and gives " +
                std::to_string(callee.results.size()) + " results");
  uint64_t inBytes = callee.parameterBytes(), outBytes = ProgramEmitter::resultOffset(callee, nullptr);
  Value *in = block(callBlock, callBlockBytes, inBytes), *out = block(resultBlock, resultBlockBytes, outBytes);
  llvm::SmallVector<Bits, 8> sources;
  for (size_t k = 0; k < callee.parameters.size(); ++k) {
    const ptx::Variable &parameter = *callee.parameters[k];
    uint64_t offset = callee.parameterOffset(parameter);
    storeArgument(in, inBytes, offset, parameter, parts.arguments->elements[k], i);
    llvm::IntegerType *type = intType(8 * std::clamp<uint64_t>(parameter.bytes, 1, 8));
    Bits bits{b.CreateAlignedLoad(type, at(b, in, offset), llvm::Align(1)), nullptr};
    if (poison())
      bits.shadow = b.CreateAlignedLoad(type, at(b, in, inBytes + offset), llvm::Align(1));
    sources.push_back(bits);
  }
  site.numSources = sources.size();
  site.numResults = callee.results.size();
  Value *slotsOut = clearedOut(site.numResults);
  preempt();
  callHandler(site, sources, slotsOut);
  for (size_t k = 0; k < listSize(parts.results); ++k) {
    const ptx::Variable &result = *callee.results[k];
    uint64_t offset = ProgramEmitter::resultOffset(callee, &result);
    unsigned width = 8 * std::clamp<uint64_t>(result.bytes, 1, 8);
    Bits bits = loadSlot(slotsOut, k, site.numResults, width);
    b.CreateAlignedStore(bits.value, at(b, out, offset), llvm::Align(1));
    if (poison())
      b.CreateAlignedStore(bits.shadow, at(b, out, outBytes + offset), llvm::Align(1));
    loadResult(out, outBytes, offset, result, parts.results->elements[k], i);
  }
}

} // namespace ptxsim::jit
