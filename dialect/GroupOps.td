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

def ReindexOp : MotleyOp<"reindex", [Pure, AllTypesMatch<["groups", "result"]>]> {
  let summary = "the same groups, rows renumbered by the slots of another table";
  let description = [{
    row'[s] = into.inverse[groups.row[s]]: slots and offsets stay, rows are named by where `into` puts them.

    Constraints:
    * C1: both tables have the same bound; the result has the type of `groups`.

    Example:

    ```mlir
    %d = motley.reindex %documents into %base : !motley.groups<64, 64>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins GroupsType:$groups, GroupsType:$into);
  let results = (outs GroupsType:$result);
  let assemblyFormat = "$groups `into` $into attr-dict `:` type($groups) `,` type($into)";
  let hasVerifier = 1;
}

def GatherRowsOp : MotleyOp<"gather_rows", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "rows in slot order";
  let description = [{
    y[s, ...] = x[row[s], ...] for live slots s.

    Constraints:
    * C1: the bound of the groups is the R of the input.

    Example:

    ```mlir
    %y = motley.gather_rows %x by %g : tensor<64x32xf32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins RowAny:$input, GroupsType:$groups);
  let results = (outs RowAny:$result);
  let assemblyFormat = "$input `by` $groups attr-dict `:` type($input) `,` type($groups)";
  let hasVerifier = 1;
}

def CombineRowsOp : MotleyOp<"combine_rows", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "slots back in row order";
  let description = [{
    y[r, ...] = x[inverse[r], ...] for live rows r: the adjoint of gather_rows.

    Constraints:
    * C1: the bound of the groups is the R of the input.

    Example:

    ```mlir
    %y = motley.combine_rows %x by %g : tensor<64x32xf32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins RowAny:$input, GroupsType:$groups);
  let results = (outs RowAny:$result);
  let assemblyFormat = "$input `by` $groups attr-dict `:` type($input) `,` type($groups)";
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
  let arguments = (ins Rows:$input, GroupsType:$groups, DenseI64ArrayAttr:$owner);
  let results = (outs Variadic<Rows>:$results);
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
  let arguments = (ins Variadic<Rows>:$inputs, GroupsType:$groups, DenseI64ArrayAttr:$owner);
  let results = (outs Rows:$result);
  let assemblyFormat = "$inputs `by` $groups `owner` $owner attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // MOTLEY_GROUP_OPS
