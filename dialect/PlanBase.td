// The plan dialect: level 3, where nothing is left to decide. Mirrors runtime/abi.h and the manifest one to one.
#ifndef PLAN_BASE
#define PLAN_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "dialect/PlanEnums.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def PlanDialect : Dialect {
  let name = "plan";
  let cppNamespace = "::mlir::plan";
  let summary = "buffers with offsets in an arena, and launches of kernels";
  let description = [{
    A plan.step is one function of the artefact. Its values are buffers (memrefs with the identity layout) and scalars; its
    operations run in order. A plan.kernel is a typed family attribute, the types of its operands, and the scalar region of its
    prologue or epilogue: codegen only translates it.
  }];
  let dependentDialects = ["::mlir::motley::MotleyDialect"];
  let useDefaultAttributePrinterParser = 1;
}

class PlanEnumAttr<EnumInfo info, string mnemonic> : EnumAttr<PlanDialect, info, mnemonic>;
def SlotAttr : PlanEnumAttr<Slot, "slot">;
def AccessAttr : PlanEnumAttr<Access, "access">;

// What choose-kernels decides for an operation of level 2, for lower-to-plan to read: `plan.choice = #plan.choice<...>`.
def ChoiceAttr : AttrDef<PlanDialect, "Choice"> {
  let mnemonic = "choice";
  let summary = "how a kernel is cut: slots of a tile, and panels (or 32 columns of K) of a column block; 0: the kernel has none";
  let parameters = (ins "int64_t":$row_tile, "int64_t":$panels_per_block);
  let assemblyFormat = "`<` struct(params) `>`";
}
def HeadChoiceAttr : AttrDef<PlanDialect, "HeadChoice"> {
  let mnemonic = "head_choice";
  let summary = "rows of a window of logits, and how the products with the head and their adjoints are cut";
  let parameters = (ins "int64_t":$window, "::mlir::plan::ChoiceAttr":$forward, "::mlir::plan::ChoiceAttr":$transposed, "::mlir::plan::ChoiceAttr":$outer);
  let assemblyFormat = "`<` struct(params) `>`";
}

class PlanOp<string mnemonic, list<Trait> traits = []> : Op<PlanDialect, mnemonic, traits>;
class Family<string cppName, string keyword> : AttrDef<PlanDialect, cppName> { let mnemonic = keyword; }

#endif // PLAN_BASE
