// The motley dialect: its type, its enumerations, and what every operation file includes.
#ifndef MOTLEY_BASE
#define MOTLEY_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def MotleyDialect : Dialect {
  let name = "motley";
  let cppNamespace = "::mlir::motley";
  let summary = "models whose parameters depend on what a token is and on where a router sends it";
  let description = [{
    Level 1 (model) has the shape that the user wrote: variables, regions per modality, row operations on ranked tensors.
    Level 2 (grouped) has groups and banks: every operation that reads weights says which rows meet which member.

    A *row* is one token. Row tensors have the static first dimension R (the function's maximum of rows); rows from the live
    count on are *dead*: never read, of any content.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

def GroupsType : TypeDef<MotleyDialect, "Groups"> {
  let mnemonic = "groups";
  let summary = "an assignment of slots to groups";
  let description = [{
    Integers only: `row[s]`, the source row of slot s, slots sorted by group and stable; `offset[g]`, the first slot of group g,
    G + 1 of them; `inverse[r]`, the slot of row r. `bound` is the static number of slots; the live end is `offset[G]`.
    `groups<G, bound>` is a partition: each live row has exactly one slot, and bound is the number of rows R. `groups<G, bound of R>`
    is a selection: each of R rows has any number of slots. There are at least one group, one slot and one row, and at most
    2^31 - 1 of each: the tables hold i32.
  }];
  let parameters = (ins "int64_t":$numGroups, "int64_t":$bound, DefaultValuedParameter<"int64_t", "0">:$selectedRows);
  let assemblyFormat = "`<` $numGroups `,` $bound (`of` $selectedRows^)? `>`";
  let extraClassDeclaration = [{
    /// Whether a row may have no slot, or several.
    bool isSelection() const { return getSelectedRows() != 0; }
    /// R: the rows that slots are taken from.
    int64_t getNumRows() const { return isSelection() ? getSelectedRows() : getBound(); }
  }];
  let genVerifyDecl = 1;
}

// Tensors have static, positive sizes: R is a constant of the function, and so the arena is static too.
defvar StaticSizes = CPred<"::llvm::all_of(::llvm::cast<::mlir::RankedTensorType>($_self).getShape(), [](int64_t size) { return size > 0; })">;
class StaticTensor<Type ranked, string description>
    : Type<And<[ranked.predicate, StaticSizes]>, description # " with static, positive sizes", "::mlir::TensorType">;

// Tensors of rows. The first dimension is R, the second (if any) the width.
def Rows : StaticTensor<TensorRankOf<[F32], [2]>, "tensor<RxDxf32>">;
def RowFloats : StaticTensor<TensorRankOf<[F32], [1]>, "tensor<Rxf32>">;
def RowInts : StaticTensor<TensorRankOf<[I32], [1]>, "tensor<Rxi32>">;
def RowsOfInts : StaticTensor<TensorRankOf<[I32], [2]>, "tensor<RxExi32>">;
def RowsOrFloats : StaticTensor<TensorRankOf<[F32], [1, 2]>, "tensor<RxDxf32> or tensor<Rxf32>">;
def RowAny : StaticTensor<TensorRankOf<[F32, I32], [1, 2]>, "tensor of rows, f32 or i32, of rank 1 or 2,">;
def Floats : StaticTensor<RankedTensorOf<[F32]>, "tensor of f32">;
def LossTable : StaticTensor<TensorRankOf<[F64], [2]>, "tensor<LxMxf64>">;
def OneFloat : Type<CPred<"$_self == ::mlir::RankedTensorType::get({1}, ::mlir::Float32Type::get($_self.getContext()))">,
                    "tensor<1xf32>", "::mlir::TensorType">;
def FloatOrTensor : Type<Or<[F32.predicate, Floats.predicate]>, "f32 or a tensor of f32 with static, positive sizes">;

class MotleyEnum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::motley";
  let genSpecializedAttr = 0;
}
class MotleyEnumAttr<EnumInfo info, string mnemonic> : EnumAttr<MotleyDialect, info, mnemonic>;

// What a function argument holds for each row, and `live`, the number of live rows.
def Field : MotleyEnum<"Field", "a field of the rows", [
  I32EnumAttrCase<"token", 0>, I32EnumAttrCase<"target", 1>, I32EnumAttrCase<"weight", 2>, I32EnumAttrCase<"modality", 3>,
  I32EnumAttrCase<"document", 4>, I32EnumAttrCase<"span", 5>, I32EnumAttrCase<"order", 6>, I32EnumAttrCase<"position", 7>,
  I32EnumAttrCase<"index", 8>, I32EnumAttrCase<"live", 9>]>;
def FieldAttr : MotleyEnumAttr<Field, "field"> { let assemblyFormat = "`<` $value `>`"; }

def Init : MotleyEnum<"Init", "a kind of initial value", [I32EnumAttrCase<"constant", 0>, I32EnumAttrCase<"normal", 1>, I32EnumAttrCase<"uniform", 2>]>;
def InitAttr : MotleyEnumAttr<Init, "init">;

def NormKind : MotleyEnum<"NormKind", "a kind of norm", [I32EnumAttrCase<"rms", 0>, I32EnumAttrCase<"layer", 1>]>;
def NormKindAttr : MotleyEnumAttr<NormKind, "norm_kind">;

def Mask : MotleyEnum<"Mask", "a mask", [I32EnumAttrCase<"causal", 0>, I32EnumAttrCase<"span", 1>, I32EnumAttrCase<"full", 2>]>;
def MaskAttr : MotleyEnumAttr<Mask, "mask">;

def Layout : MotleyEnum<"Layout", "a layout", [I32EnumAttrCase<"panels", 0>, I32EnumAttrCase<"rows", 1>]>;
def LayoutAttr : MotleyEnumAttr<Layout, "layout">;

def Precision : MotleyEnum<"Precision", "a precision of products", [I32EnumAttrCase<"f32", 0>, I32EnumAttrCase<"bf16", 1>]>;
def PrecisionAttr : MotleyEnumAttr<Precision, "precision">;

def NoiseKind : MotleyEnum<"NoiseKind", "a distribution of noise", [
  I32EnumAttrCase<"gumbel", 0>, I32EnumAttrCase<"normal", 1>, I32EnumAttrCase<"uniform", 2>]>;
def NoiseKindAttr : MotleyEnumAttr<NoiseKind, "noise">;

def Overflow : MotleyEnum<"Overflow", "a policy for rows beyond an expert's capacity", [
  I32EnumAttrCase<"position", 0>, I32EnumAttrCase<"priority", 1>, I32EnumAttrCase<"reroute", 2>]>;
def OverflowAttr : MotleyEnumAttr<Overflow, "overflow">;

class MotleyOp<string mnemonic, list<Trait> traits = []> : Op<MotleyDialect, mnemonic, traits>;

#endif // MOTLEY_BASE
