// Enumerations of the plan dialect, apart so that they are generated once.
#ifndef PLAN_ENUMS
#define PLAN_ENUMS

include "mlir/IR/EnumAttr.td"

class PlanEnum<string name, list<I32EnumAttrCase> cases> : I32EnumAttr<name, "", cases> {
  let cppNamespace = "::mlir::plan";
  let genSpecializedAttr = 0;
}

def Slot : PlanEnum<"Slot", [
  I32EnumAttrCase<"param", 0>, I32EnumAttrCase<"grad", 1>, I32EnumAttrCase<"m", 2>, I32EnumAttrCase<"v", 3>,
  I32EnumAttrCase<"ema", 4>]>;
def Access : PlanEnum<"Access", [
  I32EnumAttrCase<"read", 0>, I32EnumAttrCase<"write", 1>, I32EnumAttrCase<"read_write", 2>]>;
def MatmulForm : PlanEnum<"MatmulForm", [I32EnumAttrCase<"forward", 0>, I32EnumAttrCase<"transposed", 1>]>;

#endif // PLAN_ENUMS
