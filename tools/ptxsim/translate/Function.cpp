// One PTX function: its frame, its basic blocks, and the instructions in their order.
#include "translate/Emitter.h"
#include "translate/Registers.h"
#include "translate/Runtime.h"

#include "check/Poison.h"
#include "check/Statistics.h"
#include "engine/Scheduler.h"
#include "engine/Wgmma.h"

#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/MDBuilder.h"

namespace ptxsim::jit {

FunctionEmitter::FunctionEmitter(ProgramEmitter &program, const ptx::Function &function, llvm::Function *code)
    : program(program), function(function), options(program.options), code(code),
      b(code->getContext(), llvm::InstSimplifyFolder(program.llvm.getDataLayout())) {}

void FunctionEmitter::run() {
  known.resize(function.registers.size());
  sites.resize(function.body.size());
  registers.resize(function.registers.size());
  shadows.resize(function.registers.size());
  findBlocks();
  findBanks();
  placeLocals();
  prologue();
  for (const Instruction &instruction : function.body) {
    if (llvm::BasicBlock *block = blocks[instruction.index]) {
      flushMoves();
      flushBatch();
      if (!terminated)
        b.CreateBr(block);
      startBlock(block);
    } else if (terminated) {
      startBlock(newBlock("dead"));
    }
    if (options.count)
      countRun(instruction.index);
    emitInstruction(instruction);
  }
  flushMoves();
  flushBatch();
  if (llvm::BasicBlock *end = blocks[function.body.size()]) {
    if (!terminated)
      b.CreateBr(end);
    startBlock(end);
  }
  if (!terminated)
    returnFrom();
}

void FunctionEmitter::fail(const Instruction &instruction, const std::string &why) const {
  throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': " + why);
}

void FunctionEmitter::notTranslated(const Instruction &instruction) const {
  fail(instruction, "this combination of modifiers is not implemented");
}

void FunctionEmitter::findBlocks() {
  blocks.assign(function.body.size() + 1, nullptr);
  for (const auto &[name, index] : function.labels)
    if (index <= function.body.size() && !blocks[index])
      blocks[index] = llvm::BasicBlock::Create(b.getContext(), "", code);
  needsZero = registersReadUnassigned(function);
}

/// .local variables, and the parameters of device functions whose address is taken, lie in the frame.
void FunctionEmitter::placeLocals() {
  auto place = [&](const ptx::Variable &variable) {
    uint64_t alignment = std::max(1u, variable.alignment);
    uint64_t start = llvm::alignTo(frameBytes, alignment);
    if (start + variable.bytes > (uint64_t(1) << 28))
      throw ptx::Error(variable.position, "local variable '" + variable.name + "' makes a frame of more than 256 MiB");
    localOffsets[&variable] = start;
    frameBytes = start + variable.bytes;
  };
  for (const auto &variable : function.variables)
    if (variable->space == ptx::Space::Local)
      place(*variable);
  if (!function.isEntry)
    for (const ptx::Variable *parameter : parametersWhoseAddressIsTaken(function))
      place(*parameter);
  frameBytes = llvm::alignTo(frameBytes, kLocalFrameAlignment);
}

void FunctionEmitter::findBanks() {
  for (const Instruction &instruction : function.body) {
    if (instruction.opcode() != "wgmma" || !instruction.has("mma_async") || instruction.operands.empty())
      continue;
    std::vector<uint32_t> list;
    for (const Operand &element : instruction.operands[0].elements)
      if (element.kind == Operand::Kind::Register)
        list.push_back(element.reg);
    if (list.empty() || list.size() != instruction.operands[0].elements.size())
      fail(instruction, "the accumulator must be a vector of registers");
    auto first = bankSlots.find(list[0]);
    Bank *bank = first == bankSlots.end() ? nullptr : first->second.first;
    if (bank && bank->registers == list) {
      bankOf[&instruction] = bank;
      continue;
    }
    llvm::DenseSet<uint32_t> distinct(list.begin(), list.end());
    bool shared = llvm::any_of(list, [&](uint32_t reg) { return bankSlots.count(reg); });
    if (shared || distinct.size() != list.size())
      continue; // registers of two lists in different places: copied around each product
    banks.push_back(std::make_unique<Bank>());
    banks.back()->registers = list;
    for (uint32_t k = 0; k < list.size(); ++k)
      bankSlots[list[k]] = {banks.back().get(), k};
    bankOf[&instruction] = banks.back().get();
  }
}

llvm::AllocaInst *FunctionEmitter::entryAlloca(llvm::Type *type, unsigned alignment, const char *name) {
  return new llvm::AllocaInst(type, 0, nullptr, llvm::Align(alignment), name, allocaPoint->getIterator());
}

/// Counts the instructions up to the next label or branch, if a straight run starts here.
void FunctionEmitter::countRun(uint32_t first) {
  auto leaves = [&](uint32_t k) {
    return llvm::is_contained({"bra", "brx", "ret", "exit", "trap"}, function.body[k].opcode());
  };
  if (first && !blocks[first] && !leaves(first - 1))
    return;
  uint32_t end = first + 1;
  while (end < function.body.size() && !blocks[end] && !leaves(end - 1))
    ++end;
  callAddress(reinterpret_cast<const void *>(ptxsim_count_block), b.getVoidTy(),
              {thread, pointer(&function), b.getInt32(first), b.getInt32(end - first)});
}

llvm::BasicBlock::iterator FunctionEmitter::entryEnd() { return std::next(allocaPoint->getIterator()); }

void FunctionEmitter::prologue() {
  auto *entry = llvm::BasicBlock::Create(b.getContext(), "entry", code, code->empty() ? nullptr : &code->front());
  b.SetInsertPoint(entry);
  thread = code->getArg(0);
  parameters = code->getArg(1);
  results = code->getArg(2);
  // A mark: allocas go before it, what initialises them right behind it. It has no use and is dropped.
  allocaPoint = b.CreateAlloca(b.getInt8Ty());

  sharedBase = field(offsetof(Thread, shared), b.getPtrTy(), true);
  sharedEnd = b.CreateZExt(field(offsetof(Thread, sharedEnd), b.getInt32Ty(), true), b.getInt64Ty());
  localBase = field(offsetof(Thread, local), b.getPtrTy(), true);
  localEnd = b.CreateZExt(field(offsetof(Thread, localBytes), b.getInt32Ty(), true), b.getInt64Ty());
  if (poison())
    localShadow = field(offsetof(Thread, localShadow), b.getPtrTy(), true);

  for (size_t reg = 0; reg < function.registers.size(); ++reg) {
    if (bankSlots.count(reg))
      continue;
    unsigned width = ptx::bitWidth(function.registers[reg].type);
    registers[reg] = entryAlloca(intType(width), std::max(1u, width / 8));
    if (poison())
      shadows[reg] = entryAlloca(intType(width), std::max(1u, width / 8));
    if (!needsZero[reg])
      continue;
    b.CreateStore(constant(width, 0), registers[reg]);
    if (poison())
      b.CreateStore(llvm::Constant::getAllOnesValue(intType(width)), shadows[reg]);
  }
  for (auto &bank : banks) {
    unsigned slots = bank->registers.size() * (poison() ? 2 : 1);
    bank->slots = entryAlloca(llvm::ArrayType::get(b.getInt64Ty(), slots), 64);
    b.CreateMemSet(bank->slots, b.getInt8(0), bank->registers.size() * 8, llvm::Align(64));
    if (poison())
      b.CreateMemSet(b.CreateConstInBoundsGEP1_64(b.getInt64Ty(), bank->slots, bank->registers.size()), b.getInt8(0xff),
                     bank->registers.size() * 8, llvm::Align(8));
  }
  stackTest();

  frame = b.CreateZExt(field(offsetof(Thread, localTop), b.getInt32Ty()), b.getInt64Ty());
  if (frameBytes) {
    Value *top = b.CreateAdd(frame, constant(64, frameBytes));
    when(
        b.CreateICmpUGT(top, localEnd),
        [&] {
          callAddress(reinterpret_cast<const void *>(ptxsim_local_overflow), b.getVoidTy(),
                      {thread, pointer(functionSite())});
          b.CreateUnreachable();
          terminated = true;
        },
        true);
    b.CreateStore(b.CreateTrunc(top, b.getInt32Ty()), fieldAddress(offsetof(Thread, localTop)));
    if (poison()) // a new frame is undefined, whatever an earlier call left there
      b.CreateMemSet(b.CreateGEP(b.getInt8Ty(), localShadow, frame), b.getInt8(0), frameBytes, llvm::Align(1));
  }
  receiveParameters();
  if (!function.isEntry)
    countCall();
}

/// A call costs fuel as a loop does: recursion that branches takes longer than anybody waits, at any depth.
void FunctionEmitter::countCall() {
  Value *fuel = field(offsetof(Thread, fuel), b.getInt32Ty());
  b.CreateStore(b.CreateSub(fuel, b.getInt32(1)), fieldAddress(offsetof(Thread, fuel)));
  when(
      b.CreateICmpULE(fuel, b.getInt32(1)),
      [&] {
        b.CreateStore(pointer(functionSite()), fieldAddress(offsetof(Thread, site)));
        b.CreateStore(b.getInt32(0), fieldAddress(offsetof(Thread, fuel)));
        callAddress(reinterpret_cast<const void *>(ptxsim_out_of_fuel), b.getVoidTy(), {thread});
      },
      true);
}

/// Register parameters of the old ABI are loaded; parameters whose address is taken move into the frame.
void FunctionEmitter::receiveParameters() {
  if (function.isEntry)
    return;
  uint64_t bytes = function.parameterBytes();
  for (const auto &parameter : function.parameters) {
    uint64_t offset = function.parameterOffset(*parameter);
    Value *from = b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), parameters, offset);
    Value *fromShadow = poison() ? b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), parameters, bytes + offset) : nullptr;
    if (auto local = localOffsets.find(parameter.get()); local != localOffsets.end()) {
      Value *to = b.CreateAdd(frame, constant(64, local->second));
      b.CreateMemCpy(b.CreateGEP(b.getInt8Ty(), localBase, to), llvm::Align(1), from, llvm::Align(1), parameter->bytes);
      if (poison()) {
        // Local memory marks defined bits, blocks of parameters undefined ones.
        callAddress(reinterpret_cast<const void *>(ptxsim_invert), b.getVoidTy(),
                    {b.CreateGEP(b.getInt8Ty(), localShadow, to), fromShadow, constant(64, parameter->bytes)});
      }
    } else if (int reg = registerNamed(function, *parameter); reg >= 0) {
      unsigned width = ptx::bitWidth(function.registers[reg].type);
      Bits bits{b.CreateAlignedLoad(intType(width == 1 ? 8 : width), from, llvm::Align(1)), nullptr};
      if (poison())
        bits.shadow = b.CreateAlignedLoad(intType(width == 1 ? 8 : width), fromShadow, llvm::Align(1));
      writeRegister(reg, {b.CreateTrunc(bits.value, intType(width)), resize(bits.shadow, width)});
    }
  }
}

/// The fiber's stack must hold the next frame and whatever a handler needs. How much that is is known when the code is:
/// it is read from the translation. The kernel's own frame is seen to when its threads get their stacks.
void FunctionEmitter::stackTest() {
  code->addFnAttr("warn-stack-size", "0"); // makes the code generator tell the size
  if (function.isEntry)
    return;
  llvm::AllocaInst *here = entryAlloca(b.getInt8Ty(), 1);
  Value *top = b.CreatePtrToInt(here, b.getInt64Ty());
  Value *limit = field(offsetof(Thread, stackLimit), b.getInt64Ty(), true);
  Value *reserve = b.CreateLoad(b.getInt64Ty(), pointer(&program.translation.stackReserve));
  when(
      b.CreateICmpULT(top, b.CreateAdd(limit, reserve)),
      [&] {
        callAddress(reinterpret_cast<const void *>(ptxsim_stack_overflow), b.getVoidTy(),
                    {thread, pointer(functionSite())});
        b.CreateUnreachable();
        terminated = true;
      },
      true);
}

/// For findings that no instruction raises: the function's first one.
const Site *FunctionEmitter::functionSite() { return function.body.empty() ? nullptr : &site(function.body.front()); }

void FunctionEmitter::startBlock(llvm::BasicBlock *block) {
  if (!block->getParent())
    block->insertInto(code);
  b.SetInsertPoint(block);
  terminated = false;
  settled = false;
  askedBanks.clear();
  ++epoch;
}

void FunctionEmitter::returnFrom() {
  if (frameBytes || usesAlloca)
    b.CreateStore(b.CreateTrunc(frame, b.getInt32Ty()), fieldAddress(offsetof(Thread, localTop)));
  if (!banks.empty())
    settle();
  storeRegisterResults();
  b.CreateRetVoid();
  terminated = true;
}

void FunctionEmitter::storeRegisterResults() {
  uint64_t bytes = ProgramEmitter::resultOffset(function, nullptr);
  for (const auto &result : function.results) {
    int reg = registerNamed(function, *result);
    if (reg < 0)
      continue;
    uint64_t offset = ProgramEmitter::resultOffset(function, result.get());
    unsigned width = std::max(8u, ptx::bitWidth(function.registers[reg].type));
    Bits bits = readRegister(reg);
    b.CreateAlignedStore(b.CreateZExt(bits.value, intType(width)),
                         b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), results, offset), llvm::Align(1));
    if (poison())
      b.CreateAlignedStore(bits.shadow ? resize(bits.shadow, width) : constant(width, 0),
                           b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), results, bytes + offset), llvm::Align(1));
  }
}

void FunctionEmitter::when(Value *condition, llvm::function_ref<void()> body, bool rare) {
  llvm::BasicBlock *then = newBlock(""), *join = newBlock("");
  b.CreateCondBr(condition, then, join,
                 rare ? llvm::MDBuilder(b.getContext()).createBranchWeights(1, 100000) : nullptr);
  b.SetInsertPoint(then);
  size_t mark = touched.size();
  bool settledBefore = settled;
  ++conditional;
  body();
  --conditional;
  settled &= settledBefore;
  if (!terminated)
    b.CreateBr(join);
  terminated = false;
  b.SetInsertPoint(join);
  while (touched.size() > mark) {
    known[touched.back()].epoch = 0;
    touched.pop_back();
  }
}

void FunctionEmitter::emitInstruction(const Instruction &instruction) {
  if (!moves.empty() && !mayPassMoves(instruction))
    flushMoves();
  if (joinBatch(instruction))
    return;
  if (!batch.empty() && !mayPassBatch(instruction))
    flushBatch();
  if (joinMoves(instruction))
    return;
  current = &instruction;
  got.clear();
  guard = {};
  if (!banks.empty() && options.deferProducts)
    reportTouched(instruction);
  if (!banks.empty() && options.deferProducts && !settled && touchesBank(instruction))
    settle();

  auto found = rules().find(instruction.opcode());
  const Rule rule = found == rules().end() ? Rule{&FunctionEmitter::emitHandler, false} : found->second;
  if (!instruction.hasGuard || rule.emit == &FunctionEmitter::emitBra) {
    (this->*rule.emit)(instruction);
    return;
  }
  Bits condition = readRegister(instruction.guard);
  if (instruction.guardNegated)
    condition.value = b.CreateNot(condition.value);
  if (rule.pure) {
    guard = condition;
    (this->*rule.emit)(instruction);
    guard = {};
    return;
  }
  reportIf(condition.shadow, ptxsim_poison_branch, instruction);
  when(condition.value, [&] { (this->*rule.emit)(instruction); });
}

Site &FunctionEmitter::site(const Instruction &instruction) {
  Site *&result = sites[instruction.index];
  if (!result) {
    result = &program.newSite(function, instruction);
    decodeMemory(*result, instruction);
  }
  return *result;
}

const FunctionEmitter::Operand &FunctionEmitter::op(const Instruction &instruction, unsigned k) const {
  if (k >= instruction.operands.size())
    fail(instruction, "operand " + std::to_string(k + 1) + " is missing");
  return instruction.operands[k];
}

} // namespace ptxsim::jit
