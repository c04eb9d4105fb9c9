// The border between level 3 and code generation: what emitted code relies on and no operation's own verifier can see.
#include "passes/Passes.h"
#include "passes/StepLiveness.h"

namespace mlir::motley {
#define GEN_PASS_DEF_VERIFYPLAN
#include "passes/PlanPasses.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

struct VerifyPlan : motley::impl::VerifyPlanBase<VerifyPlan> {
  void runOnOperation() override {
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration())
        fail(function) << "is still a function; run motley-lower-to-plan first";
    SymbolTable symbols(getOperation());
    for (plan::StepOp step : getOperation().getOps<plan::StepOp>()) {
      checkStates(step, symbols);
      checkWindows(step);
      checkAccesses(step, symbols);
      checkMemory(step, symbols);
    }
    if (hasFailed)
      signalPassFailure();
  }

private:
  InFlightDiagnostic fail(Operation *op) {
    hasFailed = true;
    return op->emitOpError();
  }

  /// plan.state @bank param : memref<...>, of another type than the bank has.
  void checkStates(plan::StepOp step, SymbolTable &symbols) {
    for (auto state : step.getBody().getOps<plan::StateOp>()) {
      auto bank = symbols.lookup<BankOp>(state.getBank());
      if (!bank) {
        fail(state) << "names @" << state.getBank() << ", which is not a motley.bank";
        continue;
      }
      MemRefType expected = plan::getStorageType(bank);
      if (state.getBuffer().getType() != expected)
        fail(state) << "has type " << state.getBuffer().getType() << ", expected the bank's " << expected;
    }
  }

  /// plan.window %b begin 0 : memref<256x512xf32> to memref<2048x32xf32>: rows of another width.
  void checkWindows(plan::StepOp step) {
    for (auto window : step.getBody().getOps<plan::WindowOp>()) {
      auto from = cast<MemRefType>(window.getBuffer().getType()), to = cast<MemRefType>(window.getResult().getType());
      if (from.getElementType() != to.getElementType() || from.getRank() != to.getRank() ||
          from.getShape().drop_front() != to.getShape().drop_front())
        fail(window) << "sees rows of " << from << " as rows of " << to;
      else if (static_cast<int64_t>(window.getBegin()) < 0 ||
               static_cast<int64_t>(window.getBegin()) >= to.getDimSize(0))
        fail(window) << "begins at row " << window.getBegin() << " of " << to.getDimSize(0);
    }
  }

  /// What is read has been written, what the caller reads is written, what it hands over is not.
  void checkAccesses(plan::StepOp step, SymbolTable &symbols) {
    llvm::DenseSet<Value> written;
    for (auto launch : step.getBody().getOps<plan::LaunchOp>()) {
      auto kernel = symbols.lookup<plan::KernelOp>(launch.getKernel());
      for (auto [index, operand] : llvm::enumerate(launch.getArgs())) {
        auto access = cast<plan::AccessAttr>(kernel.getAccess()[index]).getValue();
        if (access != plan::Access::write)
          checkWritten(launch, operand, written);
        if (access != plan::Access::read &&
            isa_and_nonnull<plan::FieldOp, plan::InputOp>(getStorage(operand).getDefiningOp()))
          fail(launch) << "writes operand " << index << ", which the caller only hands over";
      }
      for (auto [index, operand] : llvm::enumerate(launch.getArgs()))
        if (cast<plan::AccessAttr>(kernel.getAccess()[index]).getValue() != plan::Access::read)
          written.insert(getStorage(operand));
      if (launch.getCount())
        checkWritten(launch, launch.getCount(), written);
    }
    for (auto output : step.getBody().getOps<plan::OutputOp>())
      if (!written.contains(output.getBuffer()))
        fail(output) << "is never written";
  }

  void checkWritten(plan::LaunchOp launch, Value operand, const llvm::DenseSet<Value> &written) {
    Value storage = getStorage(operand);
    if (!isa_and_nonnull<plan::AllocOp, plan::OutputOp>(storage.getDefiningOp()) || written.contains(storage))
      return;
    (fail(launch) << "reads a buffer that no launch before it has written").attachNote(storage.getLoc())
        << "the buffer";
  }

  void checkMemory(plan::StepOp step, SymbolTable &symbols) {
    StepLiveness liveness(step);
    SmallVector<std::pair<plan::AllocOp, StepLiveness::Interval>> buffers;
    for (auto [op, interval] : liveness.getIntervals())
      if (checkOffset(step, cast<plan::AllocOp>(op)))
        buffers.emplace_back(cast<plan::AllocOp>(op), interval);
    for (size_t i = 0; i < buffers.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        checkOverlap(buffers[j], buffers[i], liveness, symbols);
  }

  bool checkOffset(plan::StepOp step, plan::AllocOp buffer) {
    if (!buffer.getOffset() || !step.getArena()) {
      fail(buffer) << "has no offset in an arena; run motley-plan-memory first";
      return false;
    }
    int64_t offset = *buffer.getOffset(), end = offset + getBufferBytes(cast<MemRefType>(buffer.getType()));
    if (offset < 0 || offset % plan::kBufferAlignment != 0)
      fail(buffer) << "lies at " << offset << ", expected a multiple of " << plan::kBufferAlignment;
    if (end > static_cast<int64_t>(*step.getArena()))
      fail(buffer) << "reaches to byte " << end << " of an arena of " << *step.getArena();
    return true;
  }

  using Buffer = std::pair<plan::AllocOp, StepLiveness::Interval>;

  /// %a = plan.alloc at 0 and %b = plan.alloc at 0, both alive at one launch.
  void checkOverlap(Buffer earlier, Buffer later, const StepLiveness &liveness, SymbolTable &symbols) {
    auto begin = [](Buffer &buffer) { return static_cast<int64_t>(*buffer.first.getOffset()); };
    auto end = [&](Buffer &buffer) { return begin(buffer) + getBufferBytes(cast<MemRefType>(buffer.first.getType())); };
    if (!earlier.second.overlaps(later.second) || end(earlier) <= begin(later) || end(later) <= begin(earlier))
      return;
    if (earlier.second.last == later.second.first && begin(earlier) == begin(later)) {
      plan::LaunchOp launch = liveness.getLaunches()[later.second.first];
      auto kernel = symbols.lookup<plan::KernelOp>(launch.getKernel());
      if (mayOverwrite(launch, kernel, earlier.first.getBuffer(), later.first.getBuffer()))
        return;
    }
    (fail(later.first) << "overlaps a buffer that is alive at the same launch").attachNote(earlier.first.getLoc())
        << "the other buffer";
  }

  bool hasFailed = false;
};

} // namespace
