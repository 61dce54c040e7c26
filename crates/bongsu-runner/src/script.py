# Runs code that may return: argv is the code, where its result goes, modules to import first.
import ast
import importlib
import json
import sys
import textwrap
import traceback


def returns(nodes):
    for node in nodes:
        if isinstance(node, ast.Return):
            return True
        own = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        if not isinstance(node, own) and returns(ast.iter_child_nodes(node)):
            return True
    return False


def parse(code):
    try:
        return ast.parse(code, "script")
    except IndentationError:
        return ast.parse(textwrap.dedent(code), "script")


def run(tree, names):
    last = tree.body[-1] if tree.body else None
    if not returns(tree.body):
        value = None
        if isinstance(last, ast.Expr):
            value = ast.fix_missing_locations(ast.Expression(tree.body.pop().value))
        exec(compile(tree, "script", "exec"), names)
        return eval(compile(value, "script", "eval"), names) if value else None
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.copy_location(ast.Return(last.value), last)
    whole = ast.parse("def script(): pass")
    whole.body[0].body = tree.body
    exec(compile(ast.fix_missing_locations(whole), "script", "exec"), names)
    return names["script"]()


def main(code, result, imports):
    names = {"__name__": "__main__"}
    try:
        for name in json.loads(imports):
            names[name.split(".")[0]] = importlib.import_module(name) and sys.modules[name.split(".")[0]]
        with open(code, encoding="utf-8") as file:
            tree = parse(file.read())
        value = run(tree, names)
        text = json.dumps(value, default=str, allow_nan=False)
    except Exception as error:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename != "script":
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        sys.exit(1)
    with open(result, "w", encoding="utf-8") as file:
        file.write(text)


main(*sys.argv[1:])
