# SPDX-License-Identifier: MIT
"""leat's tasks in gdb, of a live process or of a core file.

    (gdb) source leat-gdb.py        (an installed libleat.so loads it by itself)
    (gdb) leat tasks                one line for each task: id, state, name, function, wait
    (gdb) leat bt 3                 the stack of task 3

Needs the debug information of leat (a build with -g). Reads memory only: nothing of the program is
called or changed, so it works on core files too. For the stack of a parked task gdb is told that
the frame of its newest thread was called from the place where the task will go on; the frames shown
are those above.
"""
import gdb
import gdb.unwinder

STATES = ("none", "new", "ready", "runs", "waits", "ended")
NONE, NEW, READY, RUNS, WAITS, ENDED = range(6)
SELVES_MAX = 1024  # children in place on one stack that are followed
HOSTED = 1 << 18  # in a wait word (task/wait_word.h)
RECORD, BYTES = 1, 2  # kinds of a brief (task/task.h)

# By architecture: stack pointer, frame pointer, program counter.
REGISTERS = {"i386:x86-64": ("rsp", "rbp", "rip"), "aarch64": ("sp", "x29", "pc")}


def number(value):
    """An integer, also of an atomic or a pointer."""
    return int(value.cast(value.type.strip_typedefs().unqualified()))


def pointer(type_name):
    return gdb.lookup_type(type_name).pointer()


def field_offset(type_name, field):
    for each in gdb.lookup_type(type_name).fields():
        if each.name == field:
            return each.bitpos // 8
    raise gdb.GdbError("%s has no %s: leat and leat-gdb.py differ" % (type_name, field))


def text(value):
    """What a char * points to; None where there is none, or it is gone."""
    if number(value) == 0:
        return None
    try:
        return value.string(length=-1)
    except (gdb.error, UnicodeDecodeError):
        return "?"


def symbol(address):
    found = gdb.execute("info symbol %d" % address, to_string=True)
    return found.split(" in section ")[0].strip() if " in section " in found else hex(address)


class Task:
    def __init__(self, runtime, block, ident):
        self.runtime = runtime
        self.block = block
        self.ident = ident
        self.state = number(block["fiber"]["state"])
        self.host = self.find_host()
        self.me, self.in_place = self.find_self()
        self.name, self.fn = self.find_orders()

    def find_host(self):
        """The fiber whose stack the task is on: that of its parent, when it runs in place."""
        if self.state != NEW and number(self.block["waiter"]["word"]) & HOSTED:
            return self.brief()["host"].dereference()
        return self.block["fiber"]

    def brief(self):
        """What it was told, of a task that is new or in place."""
        brief = self.block["fiber"]["brief"].address
        return brief.cast(pointer("struct leat__brief")).dereference()

    def find_orders(self):
        """Its name, and the address of its function."""
        if self.me is not None:
            return text(self.me["name"]), number(self.me["fn"])
        brief = self.brief()
        kind = number(self.block["fiber"]["kind"]) if self.state == NEW else 0
        if kind & RECORD:
            return text(brief["record"]["name"]), number(brief["fn"])
        return None if kind & BYTES else text(brief["name"]), number(brief["fn"])

    def find_self(self):
        """Its struct leat__self, and whether others stand above it on the same stack."""
        if self.state == NEW:
            return None, False
        at = self.host["self"].cast(pointer("struct leat__self"))
        for depth in range(SELVES_MAX):
            if number(at) == 0:
                break
            if number(at["task"]) == number(self.block.address):
                return at.dereference(), depth > 0
            at = at["outer"]
        return None, False

    def worker(self):
        """The index and the pthread_t of the worker that runs it, or None."""
        sched = self.runtime["sched"].dereference()
        for i in range(number(sched["count"])):
            worker = sched["workers"][i]
            if number(worker["face"]["running"]) == number(self.host.address):
                return i, number(worker["thread"]["handle"])
        return None

    def does(self):
        if self.state == NEW:
            return "has not been started"
        if self.in_place:
            return "joins a scope, and runs a child of it on its own stack"
        state = number(self.host["state"])
        if state == RUNS:
            worker = self.worker()
            return "runs on worker %d" % worker[0] if worker else "runs"
        if state == READY:
            return "is ready to run"
        if self.me is None or number(self.me["reason"]) == 0:
            return "waits"
        reason = self.me["reason"].dereference()
        return "waits to " + (text(reason["what"]) or "?") + self.about(reason)

    def about(self, reason):
        kind = str(reason["about"])
        about = self.me["about"]
        if kind == "LEAT__ABOUT_NAME":
            name = text(about.cast(gdb.lookup_type("char").pointer()))
            return ' "%s"' % name if name else ""
        if kind == "LEAT__ABOUT_NUMBER":
            return " %d" % number(about)
        if kind == "LEAT__ABOUT_FUNCTION":
            return " " + symbol(number(about))
        return ""

    def line(self):
        name = ' "%s"' % self.name if self.name else ""
        return "task %d%s (fn %s) %s" % (
            self.ident, name, symbol(self.fn), self.does())


def runtimes():
    try:
        alive = gdb.parse_and_eval("leat__alive_first")
    except gdb.error:
        raise gdb.GdbError("no leat in this program, or no debug information of it")
    while number(alive) != 0:
        yield alive["runtime"].dereference()
        alive = alive["next"]


def tasks():
    for runtime in runtimes():
        chunk = runtime["slabs"]["chunks"].cast(pointer("struct leat__slab_chunk"))
        while number(chunk) != 0:
            blocks = chunk["tasks"]
            low, high = blocks.type.range()
            first = number(chunk["number"])
            for i in range(low, high + 1):
                if number(blocks[i]["fiber"]["state"]) not in (NONE, ENDED):
                    yield Task(runtime, blocks[i], first + i)
            chunk = chunk["next"]


class Detour(gdb.unwinder.Unwinder):
    """Says that the newest frame of the selected thread was called from `target`."""

    def __init__(self):
        super().__init__("leat")
        self.target = None
        self.here = None

    def __call__(self, pending):
        if self.target is None:
            return None
        sp, fp, pc = self.names
        if (number(pending.read_register(sp)), number(pending.read_register(pc))) != self.here:
            return None
        # Its stack must seem to lie below the task's, or gdb takes the unwind for corrupt.
        info = pending.create_unwind_info(Identity(self.target["sp"] - 512, self.here[1]))
        for name, key in ((sp, "sp"), (fp, "fp"), (pc, "pc")):
            info.add_saved_register(name, gdb.Value(self.target[key]).cast(
                pending.read_register(name).type))
        return info

    def take(self, names, target):
        frame = gdb.newest_frame()
        self.names = names
        self.here = (number(frame.read_register(names[0])), frame.pc())
        self.target = target
        gdb.invalidate_cached_frames()

    def leave(self):
        self.target = None
        gdb.invalidate_cached_frames()


class Identity:
    def __init__(self, sp, pc):
        self.sp = gdb.Value(sp).cast(gdb.lookup_type("unsigned long"))
        self.pc = gdb.Value(pc).cast(gdb.lookup_type("unsigned long"))


DETOUR = Detour()
gdb.unwinder.register_unwinder(None, DETOUR, replace=True)


def show_frame(level, frame):
    where = frame.find_sal()
    line = "#%-2d 0x%016x in %s" % (level, frame.pc(), frame.name() or "??")
    if where.symtab:
        line += " at %s:%d" % (where.symtab.filename, where.line)
    gdb.write(line + "\n")


def show_parked(task):
    names = REGISTERS.get(gdb.newest_frame().architecture().name())
    if names is None:
        raise gdb.GdbError("leat bt knows x86-64 and AArch64 only")
    if gdb.lookup_global_symbol("leat__switch_ucontext"):
        raise gdb.GdbError("leat was built with ucontext: its parked stacks are not readable here")
    context = task.host["context"]
    DETOUR.take(names, {key: number(context[key]) for key in ("sp", "fp", "pc")})
    try:
        frame = gdb.newest_frame()
        while frame.type() == gdb.INLINE_FRAME:  # the thread's own, in which it was inlined
            frame = frame.older()
        frame = frame.older()
        level = 0
        while frame is not None and frame.is_valid():
            show_frame(level, frame)
            level += 1
            frame = frame.older()
    finally:
        DETOUR.leave()


def show_running(task):
    worker = task.worker()
    if worker is None:
        raise gdb.GdbError("task %d runs, but on no worker's thread" % task.ident)
    selected = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        if int.from_bytes(thread.handle(), "little") == worker[1]:
            thread.switch()
            try:
                gdb.execute("bt")
            finally:
                selected.switch()
            return
    raise gdb.GdbError("the thread of worker %d is not there" % worker[0])


class Leat(gdb.Command):
    """Commands for leat's tasks: leat tasks, leat bt ID."""

    def __init__(self):
        super().__init__("leat", gdb.COMMAND_USER, gdb.COMPLETE_NONE, True)


class LeatTasks(gdb.Command):
    """List every task of every runtime in the process: leat tasks."""

    def __init__(self):
        super().__init__("leat tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        count = 0
        for task in tasks():
            gdb.write(task.line() + "\n")
            count += 1
        gdb.write("%d task%s\n" % (count, "" if count == 1 else "s"))


class LeatBt(gdb.Command):
    """Show a task's stack: leat bt ID, with an id from leat tasks. With several runtimes in the
    process an id may name a task in each; all of them are shown."""

    def __init__(self):
        super().__init__("leat bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        try:
            ident = int(argument, 0)
        except ValueError:
            raise gdb.GdbError("leat bt ID: the number of a task, as leat tasks shows it")
        found = [task for task in tasks() if task.ident == ident]
        if not found:
            raise gdb.GdbError("there is no task %d" % ident)
        for task in found:
            gdb.write(task.line() + "\n")
            if task.state == NEW:
                continue
            if number(task.host["state"]) == RUNS:
                show_running(task)
            else:
                show_parked(task)


Leat()
LeatTasks()
LeatBt()
