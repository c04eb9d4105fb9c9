// The translator's own classes: one ProgramEmitter for a translation, one FunctionEmitter for each PTX function.
//
// A register is an integer of its declared width, floats as their bit pattern. It lives in an alloca that mem2reg
// promotes; within a basic block reads see the last value directly. With poison each register has a shadow of the same
// width; a null shadow in Bits says "all defined", so that code without undefined bits costs nothing.
#pragma once

#include "engine/Matrix.h"
#include "translate/Runtime.h"
#include "translate/Translator.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Analysis/InstSimplifyFolder.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

#include <deque>

// Fields of the engine's structures are reached by offset; they have owning members, but no bases.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace ptxsim::jit {

/// A value and which of its bits are undefined.
struct Bits {
  llvm::Value *value = nullptr;
  llvm::Value *shadow = nullptr; ///< a set bit is undefined; null: none is
};

/// Frames of local memory start at multiples of this.
constexpr uint64_t kLocalFrameAlignment = 16;

/// What an indirect call looks up, by the index of the function's handle.
struct TableEntry {
  using Code = void (*)(Thread *, const uint8_t *parameters, uint8_t *results);
  Code code = nullptr;
  uint64_t signature = 0; ///< sizes of parameters and results, which a call must match
};

class ProgramEmitter {
public:
  ProgramEmitter(llvm::Module &code, const ptx::Module &module, const SymbolAddresses &symbols,
                 const TranslateOptions &options, Translation &translation, std::vector<TableEntry> &table);
  /// Emits the kernel, all that it calls, and its entry point "entry".
  void run(const ptx::Function &kernel);
  /// Enters the finished code of functions that may be called by address.
  void fillTable(llvm::function_ref<void *(llvm::StringRef)> lookup);
  std::string codeName(const ptx::Function &function) const { return names.lookup(&function); }

  // --- for FunctionEmitter ---
  /// The function's body here or in another program; null where nobody defines it.
  const ptx::Function *definition(const ptx::Function &function) const;
  llvm::Function *code(const ptx::Function &definition); ///< to be emitted if it has not been
  uint64_t handle(const ptx::Function &function);        ///< its address as programs see it
  Site &newSite(const ptx::Function &function, const ptx::Instruction &instruction);
  void noteCall(const ptx::Function &caller, const ptx::Function &callee) { calls[&caller].push_back(&callee); }
  void noteIndirectCall() { indirectCalls = true; }
  static uint64_t signature(const ptx::Function &function);
  /// Where a result lies in the block of results; the block's size for null.
  static uint64_t resultOffset(const ptx::Function &function, const ptx::Variable *result);

  llvm::Module &llvm;
  const ptx::Module &module;
  const SymbolAddresses &symbols;
  const TranslateOptions &options;
  Translation &translation;
  std::vector<TableEntry> &table; ///< never resized once code refers to it
  bool hostHasHalf = false;       ///< the host converts between f16 and f32

private:
  uint32_t indexOf(const ptx::Function &function);
  void addAddressTaken();
  uint64_t localBytes(const ptx::Function &kernel);

  llvm::DenseMap<const ptx::Function *, llvm::Function *> functions;
  llvm::DenseMap<const ptx::Function *, std::string> names; ///< of the code; the module is gone when they are looked up
  llvm::DenseMap<const ptx::Function *, uint32_t> indices, frames;
  llvm::DenseMap<const ptx::Function *, std::vector<const ptx::Function *>> calls;
  std::map<std::string, uint32_t> indexByName;
  std::deque<const ptx::Function *> pending;
  std::vector<const ptx::Function *> addressTaken;
  llvm::DenseSet<const ptx::Function *> taken;
  size_t numAdded = 0, foreign = 0;
  bool indirectCalls = false, sawInitialisers = false;
};

/// The accumulator list of wgmma instructions, kept in memory.
struct Bank {
  llvm::AllocaInst *slots = nullptr;
  std::vector<uint32_t> registers;
};

class FunctionEmitter {
public:
  FunctionEmitter(ProgramEmitter &program, const ptx::Function &function, llvm::Function *code);
  void run();
  uint32_t frameBytes = 0; ///< of local memory
  bool usesAlloca = false;

private:
  using Instruction = ptx::Instruction;
  using Operand = ptx::Operand;
  using Type = ptx::Type;
  using Value = llvm::Value;
  using Emit = void (FunctionEmitter::*)(const Instruction &);
  struct Rule {
    Emit emit;
    bool pure; ///< writes registers and does nothing else: a guard becomes a select
  };
  static const llvm::StringMap<Rule> &rules();

  // --- Function.cpp: frame, blocks, order of instructions ---
  void findBlocks();
  void placeLocals();
  void findBanks();
  void prologue();
  void stackTest();
  void countCall();
  void receiveParameters();
  void storeRegisterResults();
  const Site *functionSite();
  void countRun(uint32_t first);
  void emitInstruction(const Instruction &instruction);
  void startBlock(llvm::BasicBlock *block);
  void returnFrom();
  [[noreturn]] void fail(const Instruction &instruction, const std::string &why) const;
  [[noreturn]] void notTranslated(const Instruction &instruction) const;

  // --- Operands.cpp: registers and operands ---
  Bits readRegister(uint32_t reg);
  void writeRegister(uint32_t reg, Bits bits);
  Bits read(const Operand &operand, Type type);
  Bits readWidth(const Operand &operand, unsigned width, Type type = Type::None);
  void write(const Operand &operand, Bits bits, bool signExtend = false);
  unsigned widthOf(const Operand &operand) const; ///< of a register; 0 for others
  unsigned widthOf(uint32_t reg) const { return ptx::bitWidth(function.registers[reg].type); }
  Bits addressOf(const Operand &operand); ///< of a symbol or a function
  Bits special(const Operand &operand);
  uint64_t immediate(const Operand &operand, unsigned width, Type type) const;
  /// Reads a value and remembers its shadow for put().
  Value *get(const Operand &operand, Type type);
  Value *getWidth(const Operand &operand, unsigned width);
  /// Writes a value that is undefined as a whole if any bit that was got is; lane by lane where laneWidth is given.
  void put(const Operand &operand, Value *value, bool signExtend = false, unsigned laneWidth = 0);
  const Operand &op(const Instruction &instruction, unsigned k) const;
  const Operand &element(const Instruction &instruction, const Operand &vector, unsigned k) const;

  // --- Shadow.cpp ---
  Value *orShadows(Value *a, Value *b);
  Value *resize(Value *shadow, unsigned width);         ///< zero-extends or truncates; keeps null
  Value *allOrNothing(Value *shadow, unsigned width);   ///< all bits set if any is
  Value *smearUp(Value *shadow);                        ///< all bits from the lowest set one upward
  Value *gotShadow(unsigned width, unsigned laneWidth); ///< of all that was got
  Bits select(Bits condition, Bits a, Bits b);
  Bits bitAnd(Bits a, Bits b);
  Bits bitOr(Bits a, Bits b);
  Bits bitXor(Bits a, Bits b);
  Bits bitNot(Bits a);
  void reportIf(Value *shadow, void (*report)(Thread *, const Site *), const Instruction &instruction);
  bool poison() const { return options.poison; }

  // --- small IR helpers ---
  llvm::IntegerType *intType(unsigned width) { return b.getIntNTy(width); }
  llvm::ConstantInt *constant(unsigned width, uint64_t value) { return b.getIntN(width, value); }
  Value *pointer(const void *address);
  Value *field(size_t offset, llvm::Type *type, bool invariant = false); ///< of the thread
  Value *fieldAddress(size_t offset);
  llvm::CallInst *callAddress(const void *address, llvm::Type *result, llvm::ArrayRef<Value *> arguments);
  template <class Result, class... Parameters>
  Value *callPure(Result (*function)(Parameters...), llvm::ArrayRef<Value *> arguments) {
    return callPureAddress(reinterpret_cast<const void *>(function), typeOf(static_cast<Result *>(nullptr)), arguments);
  }
  Value *callPureAddress(const void *address, llvm::Type *result, llvm::ArrayRef<Value *> arguments);
  llvm::Type *typeOf(uint32_t *) { return b.getInt32Ty(); }
  llvm::Type *typeOf(uint64_t *) { return b.getInt64Ty(); }
  llvm::Type *typeOf(float *) { return b.getFloatTy(); }
  llvm::Type *typeOf(double *) { return b.getDoubleTy(); }
  llvm::AllocaInst *entryAlloca(llvm::Type *type, unsigned alignment, const char *name = "");
  llvm::BasicBlock *newBlock(const char *name) { return llvm::BasicBlock::Create(b.getContext(), name, code); }
  Site &site(const Instruction &instruction);
  /// Runs `body` in a block of its own that is entered when the condition holds. Registers may be written in it.
  void when(Value *condition, llvm::function_ref<void()> body, bool rare = false);

  // --- Integer.cpp, Bitwise.cpp, Compare.cpp, Move.cpp, Video.cpp ---
  void emitAdd(const Instruction &), emitSub(const Instruction &), emitMul(const Instruction &);
  void emitMad(const Instruction &), emitMul24(const Instruction &);
  void emitSad(const Instruction &), emitDiv(const Instruction &), emitRem(const Instruction &);
  void emitAbs(const Instruction &), emitNeg(const Instruction &), emitMin(const Instruction &);
  void emitMax(const Instruction &), emitDot(const Instruction &);
  void emitCarryAdd(const Instruction &), emitCarrySub(const Instruction &), emitCarryMad(const Instruction &);
  void integerAdd(const Instruction &), integerSub(const Instruction &), integerMul(const Instruction &);
  void integerMad(const Instruction &);
  void integerMinMax(const Instruction &, bool max);
  void integerDivide(const Instruction &, bool remainder);
  Value *saturateSum(Value *a, Value *b, bool subtract);
  Bits carryIn();
  void setUpCarry();
  llvm::BasicBlock::iterator entryEnd(); ///< end of the part of the prologue that initialises
  void setCarry(Value *carry);
  Bits multiplyWide(Bits a, Bits b, bool isSigned);
  void emitAnd(const Instruction &), emitOr(const Instruction &), emitXor(const Instruction &);
  void emitNot(const Instruction &), emitCnot(const Instruction &), emitLop3(const Instruction &);
  void emitShl(const Instruction &), emitShr(const Instruction &), emitShf(const Instruction &);
  void emitBfe(const Instruction &), emitBfi(const Instruction &), emitBfind(const Instruction &);
  void emitBrev(const Instruction &), emitClz(const Instruction &), emitPopc(const Instruction &);
  void emitFns(const Instruction &), emitBmsk(const Instruction &), emitSzext(const Instruction &);
  void emitPrmt(const Instruction &);
  Bits shiftLeft(Bits a, Bits amount);
  Bits shiftRight(Bits a, Bits amount, bool arithmetic);
  Value *shiftClamped(Value *a, Value *amount, llvm::Instruction::BinaryOps op);
  Value *lookup3(Value *a, Value *b, Value *c, unsigned table);
  Value *permuteConstant(Value *a, Value *b, unsigned selector);
  void emitSetp(const Instruction &), emitSet(const Instruction &), emitSelp(const Instruction &);
  void emitSlct(const Instruction &), emitTestp(const Instruction &);
  Bits compare(const Instruction &, Type type, Bits a, Bits b);
  Bits combine(const Instruction &, Bits p, unsigned sourceIndex, bool negate);
  void emitMov(const Instruction &), emitCvta(const Instruction &), emitIsspacep(const Instruction &);
  void emitMapa(const Instruction &), emitGetctarank(const Instruction &), emitNothing(const Instruction &);
  void emitCvtPack(const Instruction &), emitCreatepolicy(const Instruction &);
  Value *ownRank(); ///< of the block in its cluster
  void emitVideo(const Instruction &), emitVideoSimd(const Instruction &);
  void emitVideoMad(const Instruction &);
  Value *videoSource(const Operand &operand, Type type, unsigned shift, unsigned width);
  Value *videoClamp(Value *value, bool isSigned, unsigned width);
  Value *videoOperation(const Instruction &, llvm::StringRef name, Value *x, Value *y);

  // --- Float.cpp, Half.cpp, Approximate.cpp ---
  Value *toFloat(Value *bits, Type type);    ///< float or double; halves are widened to float exactly
  Value *fromFloat(Value *value, Type type); ///< rounds to nearest even; NaNs become canonical
  Value *flush(Value *bits, Type type);      ///< subnormals become zeros of the same sign
  Value *canonical(Value *bits, Type type);
  Value *saturate(Value *bits, Type type);
  Value *isNan(Value *bits, Type type);
  Value *finish(Value *bits, Type type, const Instruction &);
  Rounding rounding(const Instruction &) const;
  using Lane = llvm::function_ref<Value *(llvm::ArrayRef<Value *> sources, Type type)>;
  void forLanes(const Instruction &, Type type, unsigned numSources, Lane lane);
  Value *arithmetic(const Instruction &, Type type, FloatOperation operation, llvm::ArrayRef<Value *> sources);
  void floatArithmetic(const Instruction &, FloatOperation operation);
  void floatMinMax(const Instruction &, bool max);
  void emitFma(const Instruction &), emitRcp(const Instruction &), emitSqrt(const Instruction &);
  void emitRsqrt(const Instruction &), emitApproximate(const Instruction &), emitCopysign(const Instruction &);
  void floatDivide(const Instruction &);
  Value *upperWord(Value *bits);
  Value *narrow(Value *single, Type type);
  Value *widen(Value *half, Type type);
  static Type laneType(Type type); ///< F16 for F16x2, ...
  static unsigned lanes(Type type);

  // --- Conversion.cpp ---
  void emitCvt(const Instruction &);
  void convertIntegers(const Instruction &, Type to, Type from);
  void convertToInteger(const Instruction &, Type to, Type from);
  void convertFromInteger(const Instruction &, Type to, Type from);
  void convertFloats(const Instruction &, Type to, Type from);
  Value *convertOne(const Instruction &, Value *pattern, Type to, Type from);
  Value *roundTf32Away(Value *pattern);
  Value *roundToIntegral(Value *value, Rounding mode);
  void convertPacked(const Instruction &, Type to, Type from);

  // --- Memory.cpp ---
  void emitLoad(const Instruction &), emitStore(const Instruction &);
  struct Place {
    Value *host = nullptr;   ///< pointer to the bytes
    Value *shadow = nullptr; ///< pointer to their definedness; null: all defined
    bool inverted = false;   ///< the shadow's set bits are the defined ones
    bool inlined = true;     ///< false: a handler does it
    unsigned alignment = 1;
  };
  struct ParameterArray { ///< a .param variable of a call site
    llvm::AllocaInst *bytes = nullptr, *shadow = nullptr;
  };
  const ParameterArray &callParameter(const ptx::Variable &variable);
  ptx::Space spaceOf(const Instruction &) const;
  Bits address(const Operand &operand, ptx::Space space);
  Place place(const Instruction &, const Operand &operand, ptx::Space space, uint32_t bytes);
  bool parameterPlace(const Instruction &, const Operand &operand, uint32_t bytes, Place &place);
  Value *hostPointer(const Instruction &, ptx::Space space, Value *address, uint32_t bytes);
  void checkAddress(const Instruction &, Bits address);
  void preempt();

  // --- Handlers.cpp: all that is not inlined ---
  void emitHandler(const Instruction &);
  void callHandler(Site &site, llvm::ArrayRef<Bits> sources, Value *out);
  void pushSource(llvm::SmallVectorImpl<Bits> &sources, const Operand &operand, Type type, ptx::Space space,
                  const Instruction &);
  llvm::AllocaInst *slots(bool out, unsigned count);
  llvm::AllocaInst *clearedOut(unsigned count); ///< with shadows that say "defined"
  Bits loadSlot(Value *array, unsigned k, unsigned count, unsigned width);
  void storeSlot(Value *array, unsigned k, unsigned count, Bits bits);
  void decodeMemory(Site &site, const Instruction &) const;
  struct Destination {
    const Operand *operand;
    bool readWrite, signExtend;
    unsigned width;
  };
  void pushDestination(llvm::SmallVectorImpl<Destination> &destinations, const Operand &operand, Type type, bool pair,
                       bool readWrite);
  void settle(); ///< before accumulators are touched
  bool touchesBank(const Instruction &) const;
  void reportTouched(const Instruction &); ///< accumulators whose product nobody has waited for

  // --- MatrixBatches.cpp ---
  bool joinBatch(const Instruction &); ///< an mma.sync that waits for its neighbours
  bool mayPassBatch(const Instruction &) const;
  void flushBatch();
  // MoveBatches.cpp
  bool joinMoves(const Instruction &); ///< an ldmatrix that waits for its neighbours
  bool mayJoinMoves(const Instruction &) const;
  bool mayPassMoves(const Instruction &) const;
  void flushMoves();
  int32_t batchSource(const Operand &operand, Type type);

  // --- Calls.cpp, Control.cpp ---
  void emitCall(const Instruction &), emitRet(const Instruction &), emitExit(const Instruction &);
  void emitBra(const Instruction &), emitBrx(const Instruction &), emitAlloca(const Instruction &);
  void emitStacksave(const Instruction &), emitStackrestore(const Instruction &);
  void branchTo(uint32_t label, const Instruction &from);
  llvm::BasicBlock *edgeTo(uint32_t label, const Instruction &from);
  struct CallParts;
  llvm::AllocaInst *block(llvm::AllocaInst *&array, uint64_t &size, uint64_t bytes);
  void callIndirect(const Instruction &, const CallParts &parts);
  void callSystem(const Instruction &, const ptx::Function &callee, const CallParts &parts);
  void passAndReceive(const Instruction &, const ptx::Function &callee, const CallParts &parts,
                      llvm::function_ref<void(Value *in, Value *out)> call);
  void storeArgument(Value *block, uint64_t blockBytes, uint64_t offset, const ptx::Variable &parameter,
                     const Operand &argument, const Instruction &);
  void loadResult(Value *block, uint64_t blockBytes, uint64_t offset, const ptx::Variable &result,
                  const Operand &operand, const Instruction &);

  ProgramEmitter &program;
  const ptx::Function &function;
  const TranslateOptions &options;
  llvm::Function *code;
  llvm::IRBuilder<llvm::InstSimplifyFolder> b;
  Value *thread = nullptr, *parameters = nullptr, *results = nullptr;
  Value *sharedBase = nullptr, *sharedEnd = nullptr, *localBase = nullptr, *localShadow = nullptr, *localEnd = nullptr,
        *frame = nullptr;
  std::vector<llvm::AllocaInst *> registers, shadows;
  std::vector<bool> needsZero;
  llvm::AllocaInst *carry = nullptr, *carryShadow = nullptr;
  llvm::Instruction *allocaPoint = nullptr;

  /// The registers' values as far as they are known in the code that is being emitted.
  struct Known {
    Bits bits;
    uint32_t epoch = 0;
  };
  std::vector<Known> known;
  uint32_t epoch = 1;
  std::vector<uint32_t> touched; ///< registers whose known value changed, while in a conditional part
  unsigned conditional = 0;

  // Of the instruction at work.
  const Instruction *current = nullptr;
  Bits guard; ///< of a pure instruction; null value: none
  llvm::SmallVector<Value *, 8> got;

  std::vector<llvm::BasicBlock *> blocks; ///< by index of the instruction behind the label; null where none starts
  std::vector<Site *> sites;              ///< by instruction
  bool terminated = false;                ///< the current block has its terminator

  // .param variables of call sites, device functions' parameters in local memory, .local variables.
  llvm::DenseMap<const ptx::Variable *, ParameterArray> callParameters;
  llvm::DenseMap<const ptx::Variable *, uint32_t> localOffsets; ///< in the frame
  llvm::AllocaInst *inSlots = nullptr, *outSlots = nullptr;
  unsigned inCount = 0, outCount = 0;
  llvm::AllocaInst *callBlock = nullptr, *resultBlock = nullptr;
  uint64_t callBlockBytes = 0, resultBlockBytes = 0;

  // wgmma
  std::vector<std::unique_ptr<Bank>> banks;
  llvm::DenseMap<const Instruction *, Bank *> bankOf;
  llvm::DenseMap<uint32_t, std::pair<Bank *, uint32_t>> bankSlots;
  bool settled = false;
  llvm::SmallPtrSet<const Bank *, 4> askedBanks; ///< reportTouched has asked since the block's start or last product

  // the run of mma.sync that is being gathered
  struct Gathered {
    const Instruction *instruction;
    std::vector<int32_t> sources;
    uint32_t result = 0;
  };
  std::vector<Gathered> batch;
  std::vector<Bits> batchIn;
  llvm::DenseMap<uint32_t, uint32_t> batchInSlots;  ///< register: slot in `in`
  llvm::DenseMap<uint32_t, uint32_t> batchOutSlots; ///< register: its last slot in `out`
  uint32_t batchOutCount = 0;

  // the run of ldmatrix that is being gathered
  struct Move {
    const Instruction *instruction;
    Bits address;
  };
  std::vector<Move> moves;
  llvm::DenseSet<uint32_t> moveResults;
};

} // namespace ptxsim::jit
