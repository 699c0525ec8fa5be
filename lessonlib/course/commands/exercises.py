"""`lessons exercises`: every cell of the exercises' files judged, and the judge itself put to the test."""

import argparse
from collections.abc import Iterator

from lessonlib.course.exercises.task_files import FOLDER, Exercise, read_task, tasks
from lessonlib.course.terminal import UsageError, complain, console, show_table


def exercises_verb(options: argparse.Namespace) -> int:
    """Judge every cell of the exercises; or, with --mutants, all mutants of their solutions."""
    chosen = _pick(options.ids)
    return _judge_mutants(chosen) if options.mutants else _judge_cells(chosen)


def _pick(ids: list[str]) -> list[Exercise]:
    unknown = [id for id in ids if not (FOLDER / f"{id}.md").exists()]
    if unknown:
        raise UsageError(f"there is no exercise {unknown[0]!r} (lessons new exercise {unknown[0]} makes it)")
    return [read_task(FOLDER / f"{id}.md") for id in ids] or list(tasks().values())


def wanted_verdicts(task: Exercise) -> Iterator[tuple[str, str, int]]:
    """Each cell of a task's file, the code that the check must give it ("slip" for any mutant), and its line."""
    yield task.stub, "todo", 0
    yield task.solution, "ok", 0
    for cell in (*task.right, *(freedom.cell for freedom in task.freedoms)):
        yield cell.source, "ok", cell.line
    for wrong in task.wrong:
        for cell in (*wrong.examples, *wrong.also):
            yield cell.source, wrong.code, cell.line


def _judge_cells(chosen: list[Exercise]) -> int:
    from lessonlib.course.exercises.engine.answers import make_answer  # these load PyTorch
    from lessonlib.course.exercises.engine.judging import judge_task

    n, wrong = 0, 0
    for task in chosen:
        for source, wanted, line in wanted_verdicts(task):
            verdict = judge_task(task, make_answer(source, task.name, f"<{task.path.name}>"))
            n += 1
            right = verdict.code == wanted or (wanted == "slip" and verdict.code.startswith("slip_"))
            if not right:
                wrong += 1
                complain(f"{task.path.name}, line {line}: {wanted!r} was expected, {verdict.code!r} came out:\n{verdict}")
            elif len(chosen) == 1:
                console.print(f"[bold]{wanted}[/bold]", highlight=False)
                console.print(str(verdict), highlight=False, markup=False, soft_wrap=True)
    console.print(f"{n} cells in {len(chosen)} exercises; {wrong} judged otherwise than the files say")
    return 1 if wrong else 0


def _judge_mutants(chosen: list[Exercise]) -> int:
    from lessonlib.course.exercises.engine.mutation_report import judged_mutants  # loads PyTorch

    rows, totals = [], [0, 0, 0]
    for task in chosen:
        judged = list(judged_mutants(task))
        passed = [each for each in judged if each.passed]
        named = sum(each.named and not each.passed for each in judged)
        rows.append((task.id, str(len(judged)), str(len(passed)), str(named)))
        totals = [a + b for a, b in zip(totals, (len(judged), len(passed), named), strict=True)]
        for each in passed:
            complain(f"{task.id}: the right answer {each.mutant.what} passes")
    show_table("Mutants of the solutions that are wrong", ("exercise", "wrong", "pass", "named"), rows,
               right=("wrong", "pass", "named"))
    n, passing, named = totals
    if n == 0:
        return 0
    refused = n - passing
    console.print(f"{n} wrong mutants: {refused / n:.2%} are refused, and {named / max(1, refused):.1%} of those are named")
    return 0 if passing <= 0.005 * n else 1
