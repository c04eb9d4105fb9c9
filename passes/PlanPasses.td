// Passes from grouped IR (level 2) to the plan (level 3).
#ifndef MOTLEY_PLAN_PASSES
#define MOTLEY_PLAN_PASSES

include "mlir/Pass/PassBase.td"

def VerifyGrouped : Pass<"motley-verify-grouped", "::mlir::ModuleOp"> {
  let summary = "checks what holds at the end of level 2";
  let description = [{
    Changes nothing. Errors, each at its operation:
    * an operation of level 1 is left: embedding, linear, norm, attention, cross_entropy, by_modality, backward;
    * two group_by of a function have the same operands (one table per distinct partition);
    * a value of groups is an argument or a result of a function;
    * a gradient is written first, with the function's `add`, after it was written already.

    ```mlir
    %a = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
    %b = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>   // error: made twice
    ```
  }];
}

def AssignLayouts : Pass<"motley-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "one packed form per bank, over all functions of the module";
  let description = [{
    A bank of matrices that is multiplied (grouped_matmul, grouped_outer, grouped_cross_entropy) is stored in `panels` of 32
    columns; a table that is looked up (grouped_embedding) in `rows`. A matrix that no function reads gets panels. Banks of
    vectors have one form and are left alone, and so is a layout that is there already and fits. A bank used in both ways is an
    error at the second use.

    ```mlir
    motley.bank @bank.q [[@text.q], [@image.q]]
    motley.bank @bank.embed [[@embed]]
    ```
    becomes
    ```mlir
    motley.bank @bank.q [[@text.q], [@image.q]] layout panels
    motley.bank @bank.embed [[@embed]] layout rows
    ```
  }];
  let statistics = [Statistic<"numPanels", "num-panels", "Number of banks stored in panels">,
                    Statistic<"numTables", "num-tables", "Number of banks stored row by row">];
}

def ChooseKernels : Pass<"motley-choose-kernels", "::mlir::ModuleOp"> {
  let summary = "records how each kernel is cut into units";
  let description = [{
    For each operation that becomes kernels with a choice: rows of a tile and panels of a column block, as a pure function of the
    shapes and of the number of units that the target wants (passes/KernelChoice.h). Written on the operation as
    `plan.choice`, which lower-to-plan reads. A choice that is there already is kept, so one can be tried by hand.

    ```mlir
    %y = motley.grouped_matmul @o ranges [0] map [0, 0] (%x) by %g : ...
    ```
    becomes
    ```mlir
    %y = motley.grouped_matmul @o ranges [0] map [0, 0] (%x) by %g {plan.choice = #plan.choice<row_tile = 128, panels_per_block = 4>} : ...
    ```
  }];
  let options = [Option<"wantedUnits", "wanted-units", "int64_t", "32",
                        "units that a launch should have at least, where the shape allows it">];
  let dependentDialects = ["::mlir::plan::PlanDialect"];
}

def LowerToPlan : Pass<"motley-lower-to-plan", "::mlir::ModuleOp"> {
  let summary = "functions of level 2 become steps: buffers and launches of kernels";
  let description = [{
    Local, operation by operation, destination-passing. Each func.func with a body becomes a plan.step of the same name; kernels
    are declared once for each distinct (family, operand types, region) of the module. Values become buffers: a tensor one, a table
    of groups three (row, offset, inverse); lists of tiles are made once for each table and row tile. Arguments with motley.field
    become plan.field, or plan.scalar "live"; with motley.scalar plan.scalar; others plan.input, or plan.scalar, "argN". A
    returned tensor is written straight into a plan.output: "loss_sums" and "gradient_norm" under the name of what computes
    them, others "resultN".

    Banks must have layouts, operations that need one a `plan.choice`. What has no kernel is an error at the operation.

    ```mlir
    func.func @double(%x: tensor<64x32xf32>) -> tensor<64x32xf32> {
      %y = arith.addf %x, %x : tensor<64x32xf32>
      return %y : tensor<64x32xf32>
    }
    ```
    becomes
    ```mlir
    plan.kernel @map_0 #plan.map<num_inputs = 2> [memref<64x32xf32>, memref<64x32xf32>, memref<64x32xf32>] access [read, read, write] body {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      motley.yield %s : f32
    }
    plan.step @double attributes {plan.bytes = 24576 : i64, plan.flops = 2048 : i64} {
      %x = plan.input "arg0" : memref<64x32xf32>
      %y = plan.output "result0" : memref<64x32xf32>
      plan.launch @map_0 (%x, %x, %y) factor 1 {bytes = 24576 : i64, flops = 2048 : i64} : memref<64x32xf32>, memref<64x32xf32>, memref<64x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::plan::PlanDialect", "::mlir::arith::ArithDialect"];
  let statistics = [Statistic<"numKernels", "num-kernels", "Number of kernels declared">,
                    Statistic<"numLaunches", "num-launches", "Number of launches">];
}

def PlanMemory : Pass<"motley-plan-memory", "::mlir::plan::StepOp"> {
  let summary = "lifetimes of buffers become offsets in one arena";
  let description = [{
    A buffer lives from its first launch to its last, through the windows that look at it. Buffers are placed largest first at the
    lowest offset, a multiple of 64 bytes, that no buffer alive at the same time occupies. The result of an elementwise kernel takes the
    place of an input of the same type that dies there, and so does that of a combination with what it adds to (off with
    `in-place=false`). Sets `arena`, the bytes of the whole.
    Buffers that no launch touches are removed.

    ```mlir
    plan.step @s {
      %a = plan.alloc : memref<64x32xf32>
      plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
    }
    ```
    becomes
    ```mlir
    plan.step @s arena 8192 {
      %a = plan.alloc at 0 : memref<64x32xf32>
      plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
    }
    ```
  }];
  let options = [Option<"inPlace", "in-place", "bool", "true", "let elementwise kernels overwrite an input that dies">];
  let statistics = [Statistic<"peakBytes", "peak-bytes", "Bytes of the arenas">,
                    Statistic<"sumBytes", "sum-bytes", "Bytes of all buffers, without sharing">,
                    Statistic<"liveBytes", "live-bytes", "Most bytes alive at one launch: no arena can be smaller">];
}

def VerifyPlan : Pass<"motley-verify-plan", "::mlir::ModuleOp"> {
  let summary = "checks what holds at the end of level 3";
  let description = [{
    Changes nothing. Errors, each at its operation:
    * a function of level 2 with a body is left;
    * a buffer has no offset, one that is not a multiple of 64, or reaches past the arena;
    * two buffers that are alive at the same launch overlap (an elementwise kernel may write over the input that dies there);
    * a buffer of the arena is read before any launch wrote it;
    * an output is never written;
    * a launch writes what the caller only hands over (a field or an input);
    * a state has another type than its bank, or a window other rows than its buffer.

    ```mlir
    plan.step @s arena 8192 {
      %a = plan.alloc at 0 : memref<64x32xf32>
      %y = plan.output "y" : memref<64x32xf32>
      plan.launch @map_0 (%a, %y) factor 1 : ...   // error: reads a buffer that nothing has written
    }
    ```
  }];
}

#endif // MOTLEY_PLAN_PASSES
