// Groups: which rows belong together. Integers only; no gradients.
#ifndef MOTLEY_GROUP_OPS
#define MOTLEY_GROUP_OPS

include "dialect/MotleyBase.td"
include "dialect/MotleyInterfaces.td"

def GroupByOp : MotleyOp<"group_by", [Pure]> {
  let summary = "groups the live rows by an id that is known from the input";
  let description = [{
    A stable partition of rows [0, live): group g holds the rows r with ids[r] = g, in row order; slots count through the
    groups. Without ids, all live rows are group 0.

    Constraints:
    * C1: bound equals the R of the ids; without ids there is one group.
    * C2 (when it runs): 0 <= ids[r] < G for live rows.

    Example:

    ```mlir
    %g = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
    %all = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
    ```
  }];
  let arguments = (ins Optional<RowInts>:$ids, I32:$live);
  let results = (outs GroupsType:$groups);
  let assemblyFormat = "($ids^)? `live` $live attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def ReindexOp : MotleyOp<"reindex", [Pure]> {
  let summary = "the same groups, rows renumbered by the slots of another table";
  let description = [{
    row'[s] = the slot of row groups.row[s] in `into`: rows are named by where `into` puts them. Where `into` is a selection of at most
    one slot a row, rows that it leaves out drop out, and the slots behind them close up.

    Constraints:
    * C1: `groups` is a partition whose bound is the number of rows of `into`; the result is a partition of as many groups with
      the bound of `into`.

    Example:

    ```mlir
    %d = motley.reindex %documents into %base : (!motley.groups<64, 64>, !motley.groups<2, 64>) -> !motley.groups<64, 64>
    %e = motley.reindex %d into %kept : (!motley.groups<64, 64>, !motley.groups<2, 17 of 64>) -> !motley.groups<64, 17>
    ```
  }];
  let arguments = (ins GroupsType:$groups, GroupsType:$into);
  let results = (outs GroupsType:$result);
  let assemblyFormat = "$groups `into` $into attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def SelectOp : MotleyOp<"select", [Pure]> {
  let summary = "one table of all experts, from what was chosen";
  let description = [{
    Branch i has counts[i] groups, the first columns of chosen[i]; groups are numbered branch after branch. Group (i, e) holds the rows
    r of the groups g of `by` with owner[g] = i and chosen[i][r, e] != 0, in row order. Rows are slots of `by`, whose groups must lie
    in row order. Slots beyond the bound do not exist: choices that are not bounded by their rule drop the last ones. Columns from
    counts[i] on are null experts.

    Constraints:
    * C1: owner has one entry per group of `by`, each -1 or a branch; one count per branch, from 1 to the columns of chosen[i].
    * C2: the rows of chosen are the bound of `by`; the result is a selection of them with as many groups as the counts sum to.

    Example:

    ```mlir
    %t = motley.select (%text, %image) counts [4, 4] by %base owner [0, 1] : (tensor<64x4xi32>, tensor<64x4xi32>, !motley.groups<2, 64>) -> !motley.groups<8, 72 of 64>
    ```
  }];
  let arguments = (ins Variadic<RowsOfInts>:$chosen, GroupsType:$by, DenseI64ArrayAttr:$counts, DenseI64ArrayAttr:$owner);
  let results = (outs GroupsType:$groups);
  let assemblyFormat = "`(` $chosen `)` `counts` $counts `by` $by `owner` $owner attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def RestrictOp : MotleyOp<"restrict", [Pure]> {
  let summary = "the chosen rows of a partition, in the partition's order";
  let description = [{
    Group g holds the slots s of group g of `by` with chosen[s, 0] != 0, in order; they are the rows of the result. Slots beyond the
    bound do not exist.

    Constraints:
    * C1: chosen is [R, 1] with R the bound of `by`; the result is a selection of R rows with the groups of `by`.

    Example:

    ```mlir
    %kept = motley.restrict %base to %chosen : (!motley.groups<2, 64>, tensor<64x1xi32>) -> !motley.groups<2, 17 of 64>
    ```
  }];
  let arguments = (ins GroupsType:$by, RowsOfInts:$chosen);
  let results = (outs GroupsType:$groups);
  let assemblyFormat = "$by `to` $chosen attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def SlotValuesOp : MotleyOp<"slot_values", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "the entry of each slot in the matrices that it was chosen from";
  let description = [{
    w[s] = values[i][row[s], e] for the slots s of group (i, e), numbered as in motley.select.

    Constraints:
    * C1: the groups are a selection of the rows of values; counts are as in select, and sum to the number of groups.
    * C2: the result is [bound].

    Example:

    ```mlir
    %w = motley.slot_values (%p, %q) counts [4, 4] by %t : (tensor<64x4xf32>, tensor<64x4xf32>, !motley.groups<8, 72 of 64>) -> tensor<72xf32>
    ```
  }];
  let arguments = (ins Variadic<Rows>:$values, GroupsType:$groups, DenseI64ArrayAttr:$counts);
  let results = (outs RowFloats:$result);
  let assemblyFormat = "`(` $values `)` `counts` $counts `by` $groups attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def SlotValuesBackwardOp : MotleyOp<"slot_values_backward", [Pure]> {
  let summary = "adjoint of slot_values";
  let description = [{
    dvalues[i][r, e] = dw[s] where row r has the slot s in group (i, e), else 0.

    Constraints:
    * C1: as C1 of slot_values, for the results.
    * C2: dw is [bound].

    Example:

    ```mlir
    %dp, %dq = motley.slot_values_backward %dw counts [4, 4] by %t : (tensor<72xf32>, !motley.groups<8, 72 of 64>) -> (tensor<64x4xf32>, tensor<64x4xf32>)
    ```
  }];
  let arguments = (ins RowFloats:$cotangent, GroupsType:$groups, DenseI64ArrayAttr:$counts);
  let results = (outs Variadic<Rows>:$results);
  let assemblyFormat = "$cotangent `counts` $counts `by` $groups attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def CountChosenOp : MotleyOp<"count_chosen"> {
  let summary = "hands out how many rows of each group chose each expert";
  let description = [{
    The step gets an output `chosen.NAME` [G, E] of f64: the number of rows r of group g with chosen[r, e] != 0; 0 where map[g] is -1.
    Nothing waits for it.

    Constraints:
    * C1: the rows of chosen are the bound of the groups; map has one entry per group; the name is not empty.

    Example:

    ```mlir
    motley.count_chosen "blocks.0.ffn" %chosen by %base map [0, -1] : tensor<64x4xi32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins StrAttr:$name, RowsOfInts:$chosen, GroupsType:$groups, DenseI64ArrayAttr:$map);
  let assemblyFormat = "$name $chosen `by` $groups `map` $map attr-dict `:` type($chosen) `,` type($groups)";
  let hasVerifier = 1;
}

def GatherRowsOp : MotleyOp<"gather_rows", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "rows in slot order";
  let description = [{
    y[s, ...] = x[row[s], ...] for live slots s.

    Constraints:
    * C1: the input has the rows of the groups; the result has their bound for its first dimension, and else the type of the input.

    Example:

    ```mlir
    %y = motley.gather_rows %x by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins RowAny:$input, GroupsType:$groups);
  let results = (outs RowAny:$result);
  let assemblyFormat = "$input `by` $groups attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def CombineRowsOp : MotleyOp<"combine_rows", [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "slots back in row order";
  let description = [{
    y[r, ...] = the sum of x[s, ...] over the slots s of row r, in the order of slots: the adjoint of gather_rows. In a partition that is
    x[inverse[r], ...]. A row without slots gets 0, or otherwise[r, ...] where it is given. `plus` is added to every row: then
    y[r, ...] = plus[r, ...] + x[s1, ...] + x[s2, ...] + ..., summed from the left.

    Constraints:
    * C1: the input has the bound of the groups for its first dimension; the result has their rows, and else the type of the input;
      `otherwise` and `plus` have the type of the result.
    * C2: only tensors of f32 are combined by a selection or have `otherwise` or `plus`, not both.

    Example:

    ```mlir
    %y = motley.combine_rows %x by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %z = motley.combine_rows %s by %t otherwise %y : (tensor<17x32xf32>, !motley.groups<2, 17 of 64>, tensor<64x32xf32>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins RowAny:$input, GroupsType:$groups, Optional<RowAny>:$otherwise, Optional<RowAny>:$plus);
  let results = (outs RowAny:$result);
  let assemblyFormat = "$input `by` $groups (`otherwise` $otherwise^)? (`plus` $plus^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def SplitGroupsOp : MotleyOp<"split_groups", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "one value for each branch, live in the branch's groups";
  let description = [{
    Result i equals the input on the rows of the groups g with owner[g] = i, and is dead elsewhere. Nothing is copied. The
    adjoint of merge_groups.

    Constraints:
    * C1: owner has one entry per group, each in [0, number of results).
    * C2: every result has the type of the input; the bound of the groups is its R.

    Example:

    ```mlir
    %a:2 = motley.split_groups %x by %g owner [0, 1] : (tensor<64x32xf32>, !motley.groups<2, 64>) -> (tensor<64x32xf32>, tensor<64x32xf32>)
    ```
  }];
  let arguments = (ins RowsOrFloats:$input, GroupsType:$groups, DenseI64ArrayAttr:$owner);
  let results = (outs Variadic<RowsOrFloats>:$results);
  let assemblyFormat = "$input `by` $groups `owner` $owner attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MergeGroupsOp : MotleyOp<"merge_groups", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "joins branches: each row from the branch that owns its group";
  let description = [{
    The rows of group g come from input owner[g]. The adjoint of split_groups.

    Constraints:
    * C1: owner has one entry per group, each in [0, number of inputs).
    * C2: every input has the type of the result; the bound of the groups is its R.

    Example:

    ```mlir
    %y = motley.merge_groups %a, %b by %g owner [0, 1] : (tensor<64x32xf32>, tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins Variadic<RowsOrFloats>:$inputs, GroupsType:$groups, DenseI64ArrayAttr:$owner);
  let results = (outs RowsOrFloats:$result);
  let assemblyFormat = "$inputs `by` $groups `owner` $owner attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // MOTLEY_GROUP_OPS
