// Passes of levels 1 and 2.
#ifndef MOTLEY_PASSES
#define MOTLEY_PASSES

include "mlir/Pass/PassBase.td"

def ImportUserMath : Pass<"motley-import-user-math", "::mlir::func::FuncOp"> {
  let summary = "a user's own mathematics on rows becomes motley.map, row_sum and row_broadcast";
  let description = [{
    Structured linalg operations on tensors [R, D] and [R] of f32 (generic, map, elementwise, fill, broadcast, reduce, named ones),
    and elementwise operations of arith and math on such tensors. Loops that are parallel become one motley.map; a sum over
    columns becomes row_sum of it; a tensor [R] in a loop over columns is broadcast. Conditions (tensors of i1) move into the map that
    selects by them, powers with a constant exponent become products or exp of a logarithm, and a map that one other map reads moves
    into it. An operation that reads or moves other rows, or that has no kernel and no derivative, is an error at its line.

    ```mlir
    %e = tensor.empty() : tensor<64x32xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(r, d) -> (r, d)>, affine_map<(r, d) -> (r, d)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) {
    ^bb0(%a: f32, %out: f32):
      %z = arith.constant 0.0 : f32
      %m = arith.maximumf %a, %z : f32
      %s = arith.mulf %m, %m : f32
      linalg.yield %s : f32
    } -> tensor<64x32xf32>
    ```
    becomes
    ```mlir
    %y = motley.map (%x) : (tensor<64x32xf32>) -> tensor<64x32xf32> {
    ^bb0(%a: f32):
      %z = arith.constant 0.0 : f32
      %m = arith.maximumf %a, %z : f32
      %s = arith.mulf %m, %m : f32
      motley.yield %s : f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::motley::MotleyDialect"];
  let statistics = [Statistic<"numImported", "num-imported", "Number of upstream operations replaced">];
}

def GroupModalities : Pass<"motley-group-modalities", "::mlir::ModuleOp"> {
  let summary = "makes groups and banks explicit, and inlines cases, experts and selections";
  let description = [{
    Level 1 to level 2, operation by operation. The base partition of a function is the one that its by_modality ask for; without
    any, all live rows are one group. An operation that reads weights gets a bank of its own per variable and works in slot
    order, between a gather_rows and a combine_rows; one outside of by_modality meets the same member in every group. The cases
    of by_modality work on their part of a split_groups; merge_groups joins what they yield. A function without a `live` argument
    gets one. Each operation makes its own tables: hoist-groups unites them. Modalities that are computed are computed first, from
    what does not go by them.

    Experts become a table of the rows that were chosen (select), their bodies branches over it, and a combine_rows adds up a row's
    slots. The experts of all cases of a by_modality share one table, so that later passes make one launch of them, unless their
    inputs have other types or are other fields, only some have gates, or one may lack slots and would drop its own last choices.
    The table has as many slots as the greediest case could choose if it had all rows, and one for each expert, for shares that are
    rounded up; the bodies are resized to them. Gates multiply the input of a body's last product, (w x) W for w (x W), where
    nothing else reads that product; else the result.

    select_rows becomes a restriction of the table (restrict) that its body works on; rows that were not chosen come from
    `otherwise`. Documents inside are reindexed into it. Inside of an expert, where a row may stand several times, going by documents
    is an error.

    ```mlir
    %y = motley.linear @w(%x) : (tensor<64x32xf32>) -> tensor<64x48xf32>
    ```
    becomes
    ```mlir
    %g = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
    %s = motley.gather_rows %x by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %t = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%s) by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x48xf32>
    %y = motley.combine_rows %t by %g : (tensor<64x48xf32>, !motley.groups<2, 64>) -> tensor<64x48xf32>
    ```
    and, %c, %p and %x being in slot order of %g,
    ```mlir
    %y = motley.experts %c gates %p (%x) : (tensor<64x2xi32>, tensor<64x2xf32>, tensor<64x32xf32>) -> tensor<64x32xf32> {
    ^bb0(%a: tensor<66x32xf32>):
      %l = motley.linear @first(%a) : (tensor<66x32xf32>) -> tensor<66x32xf32>
      motley.yield %l : tensor<66x32xf32>
    }, {
    ^bb0(%a: tensor<66x32xf32>):
      motley.yield %a : tensor<66x32xf32>
    }
    ```
    becomes
    ```mlir
    %t = motley.select (%c) counts [2] by %g owner [0, 0] : (tensor<64x2xi32>, !motley.groups<2, 64>) -> !motley.groups<2, 66 of 64>
    %s = motley.gather_rows %x by %t : (tensor<64x32xf32>, !motley.groups<2, 66 of 64>) -> tensor<66x32xf32>
    %a:2 = motley.split_groups %s by %t owner [0, 1] : (tensor<66x32xf32>, !motley.groups<2, 66 of 64>) -> (tensor<66x32xf32>, tensor<66x32xf32>)
    %v = motley.slot_values (%p) counts [2] by %t : (tensor<64x2xf32>, !motley.groups<2, 66 of 64>) -> tensor<66xf32>
    %w = motley.row_broadcast %v : tensor<66xf32> -> tensor<66x32xf32>
    %b:2 = motley.split_groups %w by %t owner [0, 1] : (tensor<66x32xf32>, !motley.groups<2, 66 of 64>) -> (tensor<66x32xf32>, tensor<66x32xf32>)
    %h = arith.mulf %a#0, %b#0 : tensor<66x32xf32>
    %l = motley.grouped_matmul @bank.first ranges [0] map [0, -1] (%h) by %t : (tensor<66x32xf32>, !motley.groups<2, 66 of 64>) -> tensor<66x32xf32>
    %k = arith.mulf %a#1, %b#1 : tensor<66x32xf32>
    %m = motley.merge_groups %l, %k by %t owner [0, 1] : (tensor<66x32xf32>, tensor<66x32xf32>, !motley.groups<2, 66 of 64>) -> tensor<66x32xf32>
    %y = motley.combine_rows %m by %t : (tensor<66x32xf32>, !motley.groups<2, 66 of 64>) -> tensor<64x32xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def HoistGroups : Pass<"motley-hoist-groups", "::mlir::func::FuncOp"> {
  let summary = "one table per distinct partition and step";
  let description = [{
    Tables with the same operands become one, made where its operands are known: at the start of the step for everything that the
    input says (modality, document). Other operations are left alone.

    ```mlir
    %a = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
    %x = motley.gather_rows %u by %a : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %b = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
    %y = motley.gather_rows %v by %b : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    ```
    becomes
    ```mlir
    %a = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
    %x = motley.gather_rows %u by %a : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %y = motley.gather_rows %v by %a : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    ```
  }];
  let statistics = [Statistic<"numRemoved", "num-removed", "Number of tables removed">];
}

def KeepGroupedOrder : Pass<"motley-keep-grouped-order", "::mlir::func::FuncOp"> {
  let summary = "rows stay in the order of the base partition; only integers are permuted, once per step";
  let description = [{
    Where all gather_rows and combine_rows of a function go by one table, the rows are kept in its slot order throughout: fields of
    the rows are gathered once, every other gather and combine disappears, tables of other partitions are reindexed into the base, and
    rows that the function returns are combined at its end. With one group, slot order is row order and nothing is gathered.
    A function with two such tables is left alone, with a remark. Chosen tables (select, restrict) name rows by where the base put
    them, and stay. Ids that are computed: those of the base stay in the order of the rows, and stand before everything; those of
    another table are combined before it is made.

    ```mlir
    %s = motley.gather_rows %x by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %t = motley.grouped_matmul @w ranges [0] map [0, 1] (%s) by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %y = motley.combine_rows %t by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %z = motley.rope %y at %position {heads = 4 : i64, theta = 1.0e4 : f64} : tensor<64x32xf32>, tensor<64xi32>
    ```
    becomes, where %x is itself computed from rows in slot order,
    ```mlir
    %p = motley.gather_rows %position by %g : (tensor<64xi32>, !motley.groups<2, 64>) -> tensor<64xi32>
    %t = motley.grouped_matmul @w ranges [0] map [0, 1] (%x) by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %z = motley.rope %t at %p {heads = 4 : i64, theta = 1.0e4 : f64} : tensor<64x32xf32>, tensor<64xi32>
    ```
  }];
  let statistics = [Statistic<"numRemoved", "num-removed", "Number of permutations of activations removed">,
                    Statistic<"numFields", "num-fields", "Number of fields gathered">];
}

def DeriveFunctions : Pass<"motley-derive-functions", "::mlir::ModuleOp"> {
  let summary = "makes init, eval, accumulate and update from the loss function that motley.train names";
  let description = [{
    * `init(seed)` initialises every bank.
    * `eval(fields, live)` returns the sums of the losses by modality of the target.
    * `accumulate(fields, live, add, inverse_normaliser)` does the same and asks for the backward of
      sum over rows of weight * inverse_normaliser * loss.
    * `update(learning_rate, step)` takes the norm of all gradients, steps every bank with AdamW and returns the norm.

    The loss function itself is consumed; motley.train keeps the names of the losses and of the functions. Weight decay is switched off
    for vectors and for tables that are looked up. A variable that no function reads is left out, with a warning;
    that also where nothing is trained. Further f32 arguments with `motley.scalar` (coefficients of losses) are handed on. Noise gets
    `seed` and `step` in accumulate, and is zero in eval.

    Each motley.train is a phase with functions of its own where they differ: eval by the loss function, accumulate also by the frozen
    variables (`motley.frozen`: those that the phase lists, and those that its loss does not read), update also by the numbers of
    AdamW and the steps that earlier phases did not train a variable (`motley.missed`).

    ```mlir
    motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0
    func.func @loss(fields, %live) -> (tensor<64xf32> {motley.loss = "ce"})
    ```
    becomes
    ```mlir
    motley.train @loss adamw ... losses ["ce"] functions ["eval", "accumulate", "update"]
    func.func @init(%seed: i64 {motley.scalar = "seed"})
    func.func @eval(fields, %live) -> tensor<1x2xf64>
    func.func @accumulate(fields, %live, %add: i1 {motley.scalar = "add"}, %n: f32 {motley.scalar = "inverse_normaliser"}) -> tensor<1x2xf64>
    func.func @update(%rate: f32 {motley.scalar = "learning_rate"}, %step: i64 {motley.scalar = "step"}) -> tensor<1xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def Differentiate : Pass<"motley-differentiate", "::mlir::func::FuncOp"> {
  let summary = "reverse mode: replaces motley.backward by adjoints";
  let description = [{
    Walks the operations that the losses depend on backwards; each builds its own adjoint through DifferentiableOpInterface. Cotangents
    of a value with several uses are added in the reverse order of the uses. Forward operations whose results the adjoints
    compute again are removed. An operation on the path that has no adjoint is an error at its line. Values that depend on no variable
    that trains have no cotangent, so nothing is computed below the lowest one; frozen members of a map get -1 where a gradient is
    written.

    ```mlir
    %y = motley.grouped_matmul @w ranges [0] map [0, 1] (%x) by %g : ...
    %ce, %z = motley.grouped_cross_entropy @head(%y) by %g targets %t ...
    motley.backward (%ce, %z) cotangents (%d, %d) add %add : ...
    ```
    becomes
    ```mlir
    %y = motley.grouped_matmul @w ranges [0] map [0, 1] (%x) by %g : ...
    %ce, %z, %dy = motley.grouped_cross_entropy_backward @head(%y) by %g targets %t cotangents %d, %d add %add ...
    motley.grouped_outer %x, (%dy) into @w ranges [0] map [0, 1] by %g add %add : ...
    %dx = motley.grouped_matmul transposed @w ranges [0] map [0, 1] (%dy) by %g : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def FuseGroupedMatmul : Pass<"motley-fuse-grouped-matmul", "::mlir::ModuleOp"> {
  let summary = "equal siblings become one operation over all groups, and one bank";
  let description = [{
    Two rules, forward and backward alike, until nothing changes:
    * members: merge_groups of results of the same operation (grouped_matmul, grouped_norm, grouped_bias, an elementwise
      operation, rope) is that operation on merged inputs; merge_groups of the parts of a split_groups is what was split. The
      banks become one, with a member per branch. Branches that differ keep their merge. The gates that branches hand to one
      slot_values go by the same rule, and who reads one branch of them alone (a choice) reads its part: routers are one product.
    * ranges: grouped_matmul of the same rows with the same map become one over the column ranges of one bank (q, k and v; gate
      and up), sums of transposed ones become one that concatenates along K, and grouped_outer of the same rows become one.

    A bank is united in the whole module, so all functions agree; a use that can't be fused reads its own ranges of the united bank.

    ```mlir
    %s:2 = motley.split_groups %x by %g owner [0, 1] : ...
    %t = motley.grouped_matmul @q.text ranges [0] map [0, -1] (%s#0) by %g : ...
    %i = motley.grouped_matmul @q.image ranges [0] map [-1, 0] (%s#1) by %g : ...
    %q = motley.merge_groups %t, %i by %g owner [0, 1] : ...
    %k = motley.grouped_matmul @k ranges [0] map [0, 1] (%x) by %g : ...
    ```
    becomes
    ```mlir
    %q, %k = motley.grouped_matmul @q_k ranges [0, 1] map [0, 1] (%x) by %g : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [Statistic<"numBranches", "num-branches", "Number of merges of branches removed">,
                    Statistic<"numSiblings", "num-siblings", "Number of sibling products removed">];
}

def SetPrecision : Pass<"motley-set-precision", "::mlir::ModuleOp"> {
  let summary = "says what products round their operands to";
  let description = [{
    Products without a precision of their own (routers have one) get that of the module, `motley.precision`. Tensors stay f32, and so do
    parameters, moments, gradients, norms, softmax and losses: a kernel rounds the operands of a product as it reads them, and
    sums in f32. Runs before differentiation: a product's adjoints have its precision.

    ```mlir
    module attributes {motley.precision = #motley<precision bf16>} {
      %t = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%s) by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x48xf32>
    ```
    becomes
    ```mlir
      %t = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%s) by %g precision bf16 : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x48xf32>
    ```
  }];
}

def FuseGatherCombine : Pass<"motley-fuse-gather-combine", "::mlir::func::FuncOp"> {
  let summary = "products read chosen rows where they lie, and combining adds what waits for it";
  let description = [{
    A gather by a selection that only products read, over that selection, vanishes into them: they read through its rows. A product
    takes over all of its inputs, or an outer product all of its cotangents, or none. The sum of combined rows and another tensor
    becomes the `plus` of the combine.

    ```mlir
    %s = motley.gather_rows %x by %t : (tensor<64x32xf32>, !motley.groups<8, 72 of 64>) -> tensor<72x32xf32>
    %h = motley.grouped_matmul @up ranges [0] map [0, 1, 2, 3, 4, 5, 6, 7] (%s) by %t : (tensor<72x32xf32>, !motley.groups<8, 72 of 64>) -> tensor<72x48xf32>
    ```
    becomes
    ```mlir
    %h = motley.grouped_matmul @up ranges [0] map [0, 1, 2, 3, 4, 5, 6, 7] (%x) gathered by %t : (tensor<64x32xf32>, !motley.groups<8, 72 of 64>) -> tensor<72x48xf32>
    ```
    and
    ```mlir
    %c = motley.combine_rows %d by %t : (tensor<72x32xf32>, !motley.groups<8, 72 of 64>) -> tensor<64x32xf32>
    %y = arith.addf %x, %c : tensor<64x32xf32>
    ```
    becomes
    ```mlir
    %y = motley.combine_rows %d by %t plus %x : (tensor<72x32xf32>, !motley.groups<8, 72 of 64>, tensor<64x32xf32>) -> tensor<64x32xf32>
    ```
  }];
  let statistics = [
    Statistic<"numGathers", "gathers", "Gathers that products took over">,
    Statistic<"numSums", "sums", "Sums that a combine took over">
  ];
}

def FuseEpilogue : Pass<"motley-fuse-epilogue", "::mlir::func::FuncOp"> {
  let summary = "elementwise operations move into the epilogue of the product that feeds them";
  let description = [{
    An elementwise operation joins the epilogue of a grouped_matmul where its operands are accumulators, values of the epilogue, or
    tensors known before the product. Activations of known values are computed again inside instead of being read. Results that
    nobody reads any more are dropped. Forward operations stay forward: what belongs to the backward is not pulled across the
    losses, so nothing is stored in order to save an activation. What the backward needs of products of activations, it computes
    again from accumulators that the forward kept. A row_broadcast of values known before is an extra of one value for each row.
    A row_sum of a value inside sums 32 columns at a time in the epilogue, and outside what these sums are.

    ```mlir
    %a:2 = motley.grouped_matmul @gate_up ranges [0, 1] map [0] (%x) by %g : ...
    %s = motley.silu %a#0 : tensor<64x32xf32>
    %m = arith.mulf %s, %a#1 : tensor<64x32xf32>
    ```
    becomes
    ```mlir
    %m = motley.grouped_matmul @gate_up ranges [0, 1] map [0] (%x) by %g : ... epilogue {
    ^bb0(%gate: f32, %up: f32):
      %s = motley.silu %gate : f32
      %p = arith.mulf %s, %up : f32
      motley.yield %p : f32
    }
    ```
    and
    ```mlir
    %d = motley.grouped_matmul transposed @down ranges [0] map [0] (%dy) by %g : (tensor<64x32xf32>, !motley.groups<1, 64>) -> tensor<64x48xf32>
    %w = motley.row_broadcast %v : tensor<64xf32> -> tensor<64x48xf32>
    %m = arith.mulf %d, %w : tensor<64x48xf32>
    %s = motley.row_sum %m : tensor<64x48xf32> -> tensor<64xf32>
    ```
    becomes
    ```mlir
    %p = motley.grouped_matmul transposed @down ranges [0] map [0] (%dy) by %g extra (%v) : (tensor<64x32xf32>, !motley.groups<1, 64>, tensor<64xf32>) -> tensor<64x2xf32> epilogue {
    ^bb0(%d: f32, %factor: f32):
      %m = arith.mulf %d, %factor : f32
      motley.yield %m : f32
    }
    %s = motley.row_sum %p : tensor<64x2xf32> -> tensor<64xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [Statistic<"numFused", "num-fused", "Number of elementwise operations fused">];
}

def PlanRecompute : Pass<"motley-plan-recompute", "::mlir::func::FuncOp"> {
  let summary = "drops forward values that a memory budget has no room for, and computes them again in the backward";
  let description = [{
    In a function with a backward (what accumulates gradients) the activations that are alive at once are held to a budget of bytes,
    by a model of their lives. Forward operations are cloned into the backward, each right before the first operation there that
    reads its results, and all readers there take the clone. Greedy: the operation comes first that lowers the bytes over the
    budget most, summed over the step, for its FLOPs and traffic; operations that only it reads are cloned with it. What a product's
    epilogue makes of accumulators that are kept (a gated activation) is computed again without the product.

    Only operations that compute rows from rows are cloned. Tables, choices, what they were chosen by, weights of slots and
    noise are kept: routing is replayed, never decided again. Clones carry `plan.recomputed`, so that nothing makes them one with their
    originals. Gradients are the same, bit by bit.

    The budget is that of the activations: state, and buffers smaller than a row tensor (lists of tiles), are beside it. Placing
    buffers of different sizes in the arena may take a few percent more. By default it is what the module says,
    `plan.memory`, in bytes; without that, everything is kept. A budget that cannot be met is an error.

    ```mlir
    %a:2 = motley.grouped_norm rms %x, gain @g map [0] by %g ...
    %y = motley.grouped_matmul @w ranges [0] map [0] (%a#0) by %g : ...
    ...
    motley.grouped_outer %a#0, (%dy) into @w ranges [0] map [0] by %g add %add : ...
    ```
    becomes
    ```mlir
    %a:2 = motley.grouped_norm rms %x, gain @g map [0] by %g ...
    %y = motley.grouped_matmul @w ranges [0] map [0] (%a#0) by %g : ...
    ...
    %b:2 = motley.grouped_norm rms %x, gain @g map [0] by %g {plan.recomputed} ...
    motley.grouped_outer %b#0, (%dy) into @w ranges [0] map [0] by %g add %add : ...
    ```
  }];
  let options = [Option<"budget", "budget", "uint64_t", "0", "Bytes of activations that may be alive at once; 0: what the module says">];
  let statistics = [
    Statistic<"numDropped", "num-dropped", "Number of values that the backward computes again">,
    Statistic<"droppedBytes", "dropped-bytes", "Bytes of these values">,
    Statistic<"addedFlops", "added-flops", "FLOPs of computing them again">,
    Statistic<"peakBytes", "peak-bytes", "Bytes of activations alive at once, where something was dropped">
  ];
}

#endif // MOTLEY_PASSES
