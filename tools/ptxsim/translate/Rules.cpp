// Which function emits which opcode. What is not here is run by a handler.
#include "translate/Emitter.h"

namespace ptxsim::jit {

const llvm::StringMap<FunctionEmitter::Rule> &FunctionEmitter::rules() {
  using E = FunctionEmitter;
  static const llvm::StringMap<Rule> table = [] {
    llvm::StringMap<Rule> rules;
    auto pure = [&](std::initializer_list<const char *> names, Emit emit) {
      for (const char *name : names)
        rules[name] = {emit, true};
    };
    auto effect = [&](std::initializer_list<const char *> names, Emit emit) {
      for (const char *name : names)
        rules[name] = {emit, false};
    };
    pure({"add"}, &E::emitAdd);
    pure({"sub"}, &E::emitSub);
    pure({"mul"}, &E::emitMul);
    pure({"mad"}, &E::emitMad);
    pure({"fma"}, &E::emitFma);
    pure({"div"}, &E::emitDiv);
    pure({"rem"}, &E::emitRem);
    pure({"mul24", "mad24"}, &E::emitMul24);
    pure({"sad"}, &E::emitSad);
    pure({"abs"}, &E::emitAbs);
    pure({"neg"}, &E::emitNeg);
    pure({"min"}, &E::emitMin);
    pure({"max"}, &E::emitMax);
    pure({"dp4a", "dp2a"}, &E::emitDot);
    pure({"addc"}, &E::emitCarryAdd);
    pure({"subc"}, &E::emitCarrySub);
    pure({"madc"}, &E::emitCarryMad);
    pure({"and"}, &E::emitAnd);
    pure({"or"}, &E::emitOr);
    pure({"xor"}, &E::emitXor);
    pure({"not"}, &E::emitNot);
    pure({"cnot"}, &E::emitCnot);
    pure({"lop3"}, &E::emitLop3);
    pure({"shl"}, &E::emitShl);
    pure({"shr"}, &E::emitShr);
    pure({"shf"}, &E::emitShf);
    pure({"bfe"}, &E::emitBfe);
    pure({"bfi"}, &E::emitBfi);
    pure({"bfind"}, &E::emitBfind);
    pure({"brev"}, &E::emitBrev);
    pure({"clz"}, &E::emitClz);
    pure({"popc"}, &E::emitPopc);
    pure({"fns"}, &E::emitFns);
    pure({"bmsk"}, &E::emitBmsk);
    pure({"szext"}, &E::emitSzext);
    pure({"prmt"}, &E::emitPrmt);
    pure({"setp"}, &E::emitSetp);
    pure({"set"}, &E::emitSet);
    pure({"selp"}, &E::emitSelp);
    pure({"slct"}, &E::emitSlct);
    pure({"testp"}, &E::emitTestp);
    pure({"copysign"}, &E::emitCopysign);
    pure({"mov"}, &E::emitMov);
    pure({"cvta"}, &E::emitCvta);
    pure({"mapa"}, &E::emitMapa);
    pure({"getctarank"}, &E::emitGetctarank);
    pure({"createpolicy"}, &E::emitCreatepolicy);
    pure({"cvt"}, &E::emitCvt);
    pure({"rcp"}, &E::emitRcp);
    pure({"sqrt"}, &E::emitSqrt);
    pure({"rsqrt", "sin", "cos", "lg2", "ex2", "tanh"}, &E::emitApproximate);
    pure({"vadd", "vsub", "vabsdiff", "vmin", "vmax", "vshl", "vshr", "vmad", "vset"}, &E::emitVideo);
    pure({"vadd2", "vsub2", "vavrg2", "vabsdiff2", "vmin2", "vmax2", "vset2"}, &E::emitVideoSimd);
    pure({"vadd4", "vsub4", "vavrg4", "vabsdiff4", "vmin4", "vmax4", "vset4"}, &E::emitVideoSimd);

    effect({"prefetchu", "applypriority", "pmevent"}, &E::emitNothing);
    effect({"isspacep"}, &E::emitIsspacep);
    effect({"ld", "ldu"}, &E::emitLoad);
    effect({"st"}, &E::emitStore);
    effect({"bra"}, &E::emitBra);
    effect({"brx"}, &E::emitBrx);
    effect({"call"}, &E::emitCall);
    effect({"ret"}, &E::emitRet);
    effect({"exit"}, &E::emitExit);
    effect({"alloca"}, &E::emitAlloca);
    effect({"stacksave"}, &E::emitStacksave);
    effect({"stackrestore"}, &E::emitStackrestore);
    return rules;
  }();
  return table;
}

} // namespace ptxsim::jit
