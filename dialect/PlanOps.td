// Operations of the plan dialect.
#ifndef PLAN_OPS
#define PLAN_OPS

include "dialect/PlanBase.td"
include "dialect/PlanKernels.td"

def KernelOp : PlanOp<"kernel", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "declares a kernel: family, operand types, how it touches them, and its scalar region";
  let description = [{
    Constraints:
    * C1: operand types are memrefs with the identity layout, or scalars i1, i32, i64, f32; `access` has one entry per operand.
    * C2: a region is there only for families that have one (matmul, map); it ends with motley.yield.
    * C3: operands and region of map and matmul are as many as the family says: one f32 argument for each input of a map, or
      for each accumulator and extra of a matmul; one f32 yield for each result.

    Example:

    ```mlir
    plan.kernel @fill_0 #plan.fill<0.000000e+00 : f32> [memref<64x32xf32>] access [write]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, AnyAttr:$family, TypeArrayAttr:$operand_types, TypedArrayAttrBase<AccessAttr, "accesses">:$access);
  let regions = (region AnyRegion:$body);
  let assemblyFormat = "$sym_name $family $operand_types `access` custom<Accesses>($access) attr-dict (`body` $body^)?";
  let hasVerifier = 1;
}

def StepOp : PlanOp<"step", [IsolatedFromAbove, Symbol, HasParent<"::mlir::ModuleOp">, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "one function of the artefact";
  let description = [{
    `arena` is the size of the arena in bytes, once plan-memory has run.

    Example:

    ```mlir
    plan.step @zero arena 8192 {
      %x = plan.alloc at 0 : memref<64x32xf32>
      plan.launch @fill_0 (%x) factor 1 : memref<64x32xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<I64Attr>:$arena);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name (`arena` $arena^)? attr-dict-with-keyword $body";
}

def FieldOp : PlanOp<"field", [Pure]> {
  let summary = "a field of the rows, handed to the step";
  let description = [{
    Example:

    ```mlir
    %t = plan.field token : memref<64xi32>
    ```
  }];
  let arguments = (ins FieldAttr:$field);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = "custom<FieldName>($field) `:` type($buffer) attr-dict";
}
def StateOp : PlanOp<"state", [Pure]> {
  let summary = "the storage of a bank, in one of its slots";
  let description = [{
    Example:

    ```mlir
    %w = plan.state @bank.q param : memref<2x16x512x32xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$bank, SlotAttr:$slot);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = "$bank `` $slot `:` type($buffer) attr-dict";
}
def OutputOp : PlanOp<"output", [Pure]> {
  let summary = "a buffer that the caller reads after the step";
  let description = [{
    Example:

    ```mlir
    %o = plan.output "loss_sums" : memref<2x2xf64>
    ```
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = "$name `:` type($buffer) attr-dict";
}
def InputOp : PlanOp<"input", [Pure]> {
  let summary = "a buffer that the caller fills before the step";
  let description = [{
    For functions that aren't derived from a loss.

    Example:

    ```mlir
    %x = plan.input "x" : memref<64x32xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = "$name `:` type($buffer) attr-dict";
}
def ScalarOp : PlanOp<"scalar", [Pure]> {
  let summary = "a scalar handed to the step";
  let description = [{
    Example:

    ```mlir
    %s = plan.scalar "learning_rate" : f32
    ```
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs AnyTypeOf<[I1, I32, I64, F32]>:$value);
  let assemblyFormat = "$name `:` type($value) attr-dict";
}
def ConstantOp : PlanOp<"constant", [Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "a scalar that is known";
  let description = [{
    Example:

    ```mlir
    %s = plan.constant true
    ```
  }];
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs AnyTypeOf<[I1, I32, I64, F32]>:$result);
  let assemblyFormat = "$value attr-dict";
}
def AllocOp : PlanOp<"alloc", [Pure]> {
  let summary = "a buffer in the arena";
  let description = [{
    `at` is its offset in bytes, a multiple of 64, once plan-memory has run.

    Example:

    ```mlir
    %b = plan.alloc at 4096 : memref<64x32xf32>
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = "(`at` $offset^)? `:` type($buffer) attr-dict";
}
def WindowOp : PlanOp<"window", [Pure]> {
  let summary = "a short buffer seen as rows [begin, begin + n) of a long one";
  let description = [{
    Row r of the result is row r - begin of the buffer: only the address changes. Rows outside the window must not be touched.

    Example:

    ```mlir
    %w = plan.window %b begin 256 : memref<256x512xf32> to memref<2048x512xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$buffer, I64Attr:$begin);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$buffer `begin` $begin `:` type($buffer) `to` type($result) attr-dict";
}
def LaunchOp : PlanOp<"launch", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel over its units";
  let description = [{
    factor units; with a count buffer, count[0] * factor, read when the launch starts. `flops` and `bytes` are upper bounds
    of its arithmetic and of the memory that it must touch, all rows being live.

    Constraints:
    * C1: the symbol names a plan.kernel whose operand types are those of the operands.

    Example:

    ```mlir
    plan.launch @norm_0 (%x, %g) count %n factor 1 : memref<64x32xf32>, memref<2x32xf32>, memref<1xi32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$args, Optional<AnyMemRef>:$count, I64Attr:$factor,
                       DefaultValuedAttr<I64Attr, "0">:$flops, DefaultValuedAttr<I64Attr, "0">:$bytes);
  let assemblyFormat = "$kernel `(` $args `)` (`count` $count^)? `factor` $factor attr-dict `:` type(operands)";
}

#endif // PLAN_OPS
