"""Prints MLIR text one operation at a time: every value gets a fresh name, constants are shared."""


class Builder:
    def __init__(self):
        self.lines = []
        self.numValues = 0
        self.constants = {}

    def line(self, text):
        self.lines.append(text)

    def value(self, text, results=1):
        self.numValues += 1
        name = f"%v{self.numValues}"
        self.lines.append(f"{name}{f':{results}' if results > 1 else ''} = {text}")
        return name

    def text(self, indentation=6):
        """The operations, behind the constants that they use."""
        return ("\n" + " " * indentation).join(list(self.constants.values()) + self.lines)


class IndexBuilder(Builder):
    """Arithmetic on `index` in the arith dialect; Python integers become constants."""

    def operand(self, x):
        if not isinstance(x, int):
            return x
        self.constants[x] = f"%c{x} = arith.constant {x} : index"
        return f"%c{x}"

    def binary(self, name, a, b):
        return self.value(f"arith.{name} {self.operand(a)}, {self.operand(b)} : index")

    def add(self, a, b):
        return self.binary("addi", a, b)

    def mul(self, a, b):
        return self.binary("muli", a, b)

    def div(self, a, b):
        return self.binary("divui", a, b)

    def rem(self, a, b):
        return self.binary("remui", a, b)

    def xor(self, a, b):
        return self.binary("xori", a, b)

    def less(self, a, b):
        return self.value(f"arith.cmpi ult, {self.operand(a)}, {self.operand(b)} : index")

    def equal(self, a, b):
        return self.value(f"arith.cmpi eq, {self.operand(a)}, {self.operand(b)} : index")

    def select(self, condition, a, b):
        return self.value(f"arith.select {condition}, {self.operand(a)}, {self.operand(b)} : index")


class IntegerBuilder(Builder):
    """Arithmetic on i32 (or i64) in the llvm dialect; Python integers become constants."""

    def operand(self, x, type="i32"):
        if not isinstance(x, int):
            return x
        name = f"%c{x}_{type}"
        self.constants[name] = f"{name} = llvm.mlir.constant({x} : {type}) : {type}"
        return name

    def binary(self, name, a, b, type="i32"):
        return self.value(f"llvm.{name} {self.operand(a, type)}, {self.operand(b, type)} : {type}")

    def equal(self, a, b):
        return self.value(f'llvm.icmp "eq" {self.operand(a)}, {self.operand(b)} : i32')

    def select(self, condition, a, b):
        return self.value(f"llvm.select {condition}, {self.operand(a)}, {self.operand(b)} : i1, i32")

    def element(self, base, index, type, space=3):
        return self.value(f"llvm.getelementptr {base}[{self.operand(index)}] : (!llvm.ptr<{space}>, i32) -> !llvm.ptr<{space}>, {type}")
