"""Open every explorer in JupyterLab with a headless Chromium and do what a hand would: move a slider, click a
curve, compare what is shown with what the class renders."""
import base64, json, os, re, shutil, socket, subprocess, sys, tempfile, time, urllib.request
from contextlib import contextmanager
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from playwright.sync_api import TimeoutError, sync_playwright
from persistworld.imagine.labelling import open_labelling
from persistworld.imagine.progress import read_labels
from persistworld.look.branch_browser import BranchBrowser
from persistworld.look.films import Films, made_up_run
from persistworld.look.group_making import made_up_groups
from persistworld.look.groups import Groups
from persistworld.look.monitor import TrainingMonitor
from persistworld.look.panels import runs_with
from persistworld.look.reward_inspector import RewardInspector
from persistworld.look.scrubber import RolloutScrubber
from persistworld.look.teleop import open_drive

ROOT = Path(__file__).resolve().parent.parent
SHOTS = ROOT/"outputs"/"browser"
TRICK = '<img src=x onerror="window.tricked = true">' # a name that acts, where it is taken for HTML
SLOWEST = 300 # ms from a key on the slider to the new picture, median: three times what an idle machine needs

# what is asked of the page
PIXELS = """async img => {
    const bytes = new Uint8Array(await (await fetch(img.src)).arrayBuffer())
    let text = ''
    for (const byte of bytes) text += String.fromCharCode(byte)
    return btoa(text)
}"""
PLACE = """(gd, [trace, i, x, y]) => {
    const layout = gd._fullLayout, box = gd.getBoundingClientRect()
    const data = gd._fullData.find((one, number) => number === trace || one.name === trace)
    const on = (axis, value) => layout[axis]._offset + layout[axis].d2p(value)
    return [box.left + on(x, data.x[i]), box.top + on(y, data.y[i])]
}"""
STOPWATCH = """() => {
    window.waits = []
    const img = document.querySelector('.jp-OutputArea-output img.widget-image')
    document.addEventListener('keydown', () => { window.pressed = performance.now() }, true)
    const note = () => { window.waits.push(performance.now() - window.pressed) }
    new MutationObserver(note).observe(img, { attributes: true, attributeFilter: ['src'] })
}"""
POINTS = "document.querySelector('.js-plotly-plot')._fullData[0].x.length" # of the first curve


def made_up(outputs):
    "Runs that need no model: films of fourteen clips, groups at three steps, two logs with looks"
    made_up_run(outputs/"made-up", clips=14)
    made_up_groups(outputs/"made-up")
    for run, shift in ("another", .1), ("made-up", 0.): made_up_log(outputs/run, shift)


def made_up_log(run, shift):
    "Forty steps of a run that learns, with looks"
    (run/"samples").mkdir(parents=True, exist_ok=True)
    for i in range(0, 41, 10):
        look = np.full((180, 900, 3), (40, 60 + 4*i, 90), np.uint8)
        Image.fromarray(look).save(run/"samples"/f"{i:06d}.png")
    with open(run/"metrics.jsonl", "w") as f:
        for i in range(1, 41):
            better = shift + .1*(1 - .9**i)
            line = dict(
                step=i, reward=1.6 + better + .02*np.sin(7*i), best=1.7 + better,
                spread=.02 + .005*np.cos(5*i), loss=.1 + 1/i, from_ref=i/4e3,
                seconds_score=3., seconds_update=2 + np.cos(i))
            f.write(json.dumps(line) + "\n")
            if i % 10 == 0: f.write(json.dumps(dict(step=i, held_out=1.4 + shift + i/400)) + "\n")


def made_up_trick(outputs):
    "A run whose name, instructions, episodes and metrics are a trick"
    data, run = outputs.parent/"tricked", outputs/TRICK
    shutil.copytree(ROOT/"data"/"tabletop"/"meta", data/"meta")
    for part in "data", "videos": (data/part).symlink_to(ROOT/"data"/"tabletop"/part)
    for file in data.glob("meta/episodes/*/*.parquet"):
        table = pq.read_table(file)
        tricks = pa.array([[f"{TRICK} {i}"] for i in range(len(table))])
        pq.write_table(table.set_column(table.schema.get_field_index("tasks"), "tasks", tricks), file)
    made_up_run(run, str(data))
    made_up_groups(run, (0, 10), data=str(data))
    for file in run.glob("groups/*.npz"):
        with np.load(file) as z: content = dict(z)
        np.savez(file, **content | {"0/episode": np.array(TRICK)})
    made_up_log(run, 0.)
    with open(run/"metrics.jsonl", "a") as f: f.write(json.dumps({"step": 41, TRICK: 1.}) + "\n")


@contextmanager
def jupyter(folder):
    "JupyterLab in a folder, with settings of its own; yields its address"
    settings = folder/"settings"/"@jupyterlab"/"apputils-extension"
    settings.mkdir(parents=True)
    quiet = dict(fetchNews="false", checkForUpdates=False)
    (settings/"notification.jupyterlab-settings").write_text(json.dumps(quiet))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = os.environ | dict(
        JUPYTER_CONFIG_DIR=str(folder/"config"), IPYTHONDIR=str(folder/"ipython"),
        JUPYTERLAB_SETTINGS_DIR=str(folder/"settings"), JUPYTERLAB_WORKSPACES_DIR=str(folder/"workspaces"))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
               f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=explore",
               f"--ServerApp.root_dir={folder}"]
    with open(folder/"server.log", "w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        wait_for_server(server, f"http://127.0.0.1:{port}/api/status?token=explore", folder/"server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def wait_for_server(server, address, log):
    "Until it answers"
    for _ in range(1500):
        try: return urllib.request.urlopen(address)
        except OSError: time.sleep(.2)
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
    raise RuntimeError("JupyterLab did not answer within five minutes")


class Hand:
    "One page in the browser"
    def __init__(self, browser, address, page):
        self.name, self.page = page, browser.new_page(viewport=dict(width=1420, height=1500))
        self.page.set_default_timeout(60_000)
        # more than once: a run was seen in which no output came after the first command
        for patience in 90_000, 90_000, 300_000:
            try: return self.open(f"{address}/doc/tree/nbs/{page}.ipynb?token=explore&reset", patience)
            except TimeoutError as e:
                self.shot("failed")
                if patience == 300_000: raise
                print(f"  {page}: opened once more, for {str(e).splitlines()[0]}", flush=True)

    def open(self, address, patience): # run all cells and wait for the explorer
        self.page.goto(address)
        # the notebook's own indicator says idle before there is a kernel, and a command then asks for one
        idle = ".jp-StatusBar-TextItem:text-is('Python 3 (ipykernel) | Idle')"
        self.page.wait_for_selector(idle, timeout=patience)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_selector(".jp-OutputArea-output .widget-vbox", state="attached", timeout=patience)
        self.settle()

    def settle(self): # the kernel has answered all that was asked
        time.sleep(.4)
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=300_000)
        time.sleep(.4)

    def image(self, i=0): # bytes of the i-th picture that is shown
        src = self.page.locator(".jp-OutputArea-output img.widget-image").nth(i)
        return base64.b64decode(src.evaluate(PIXELS))

    def shows(self, expected, what, i=0): # wait until the picture is the one the class renders
        for _ in range(100):
            if self.image(i) == expected: return print(f"  {self.name}: {what}", flush=True)
            time.sleep(.1)
        self.shot("failed")
        raise AssertionError(f"{self.name}, {what}: the browser shows another picture than the class renders "
                             f"(see {SHOTS}/{self.name}-failed.png)")

    def slider(self, name):
        return self.page.locator(f'.widget-hslider:has(.widget-label:text-is("{name}"))').first

    def readout(self, name): return self.slider(name).locator(".widget-readout").inner_text()

    def drag(self, name, part): # of the whole length
        track = self.slider(name).locator(".noUi-target").bounding_box()
        handle = self.slider(name).locator(".noUi-handle").bounding_box()
        y = handle["y"] + handle["height"]/2
        self.page.mouse.move(handle["x"] + handle["width"]/2, y)
        self.page.mouse.down()
        self.page.mouse.move(track["x"] + track["width"]*part, y, steps=6)
        self.page.mouse.up()
        self.settle()
        return self.readout(name)

    def click_curve(self, figure, trace, i, axis=("xaxis", "yaxis")): # point i of a trace, by number or name
        plot = self.page.locator(".jp-OutputArea-output .js-plotly-plot").nth(figure)
        plot.scroll_into_view_if_needed()
        at = plot.evaluate(PLACE, [trace, i, *axis])
        self.page.mouse.move(at[0] - 3, at[1] - 3)
        self.page.mouse.move(*at, steps=3)
        time.sleep(.3)
        self.page.mouse.click(*at)
        self.settle()

    def answer_ms(self, name, presses=12): # from a key on the slider to the new picture
        handle = self.slider(name).locator(".noUi-handle")
        handle.focus()
        self.page.evaluate(STOPWATCH)
        for _ in range(presses):
            self.page.keyboard.press("ArrowRight")
            time.sleep(.35)
        return self.page.evaluate("window.waits")

    def shot(self, what):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.mouse.move(5, 5)
        time.sleep(.5)
        self.page.screenshot(path=SHOTS/f"{self.name}-{what}.png")


def rollouts(hand, outputs):
    mine = RolloutScrubber(Films(runs_with(outputs, "videos/*.mp4")[0]))
    hand.shows(mine.picture.value, "opens with the first frame")
    mine.go(int(hand.drag("frame", .5)))
    assert mine.frame > 10, mine.frame
    hand.shows(mine.picture.value, f"slider to frame {mine.frame}")
    hand.shot("slider")
    hand.click_curve(0, "base external", 5)
    mine.go(5)
    assert hand.readout("frame") == "5", hand.readout("frame")
    hand.shows(mine.picture.value, "click on the curve at frame 5")
    hand.page.get_by_role("button", name="difference").click()
    hand.page.get_by_text("masks", exact=True).click()
    mine.shown.value, mine.tint.value = "difference", True
    hand.shows(mine.picture.value, "difference and masks")
    hand.shot("difference")
    waits = hand.answer_ms("frame")
    median = np.median(waits)
    print(f"  {hand.name}: from key to picture {median:.0f} ms (median), {max(waits):.0f} ms "
          f"(slowest of {len(waits)}); {len(mine.film)} frames, {len(mine.rows)} rows, heat map and masks",
          flush=True)
    if median > SLOWEST:
        raise AssertionError(f"a slider move is answered after {median:.0f} ms, more than {SLOWEST}: "
                             "is the machine busy?")


def branches(hand, outputs):
    mine = BranchBrowser(Groups(runs_with(outputs, "groups/*.npz")[0]))
    hand.shows(mine.picture.value, "opens with the best candidate")
    mine.frame.value = int(hand.drag("frame", .25))
    hand.shows(mine.picture.value, f"slider to frame {mine.frame.value}")
    last = len(mine.groups.steps) - 1
    worst = int(mine.groups.load(mine.groups.steps[last])[0].order[-1])
    hand.click_curve(0, worst, last)
    mine.jump(mine.groups.steps[last], f"candidate {worst}")
    hand.shows(mine.picture.value, f"click on candidate {worst} at step {mine.step.value}")
    for i, thumb in enumerate(mine.thumbs): hand.shows(thumb.value, f"thumbnail {i + 1}", 1 + i)
    hand.shot("click")
    hand.page.get_by_text("preference r over the candidate").click()
    mine.parts.value = True
    hand.shows(mine.picture.value, "preferences over the candidate")
    hand.shot("preference")


def reward(hand, outputs):
    mine = RewardInspector(Groups(runs_with(outputs, "groups/*.npz")[0]))
    hand.shows(mine.picture.value, "opens")
    hand.shot("opened")
    for m in "ssim", "lpips": mine.weights[m].value = float(hand.drag(f"w {m.upper()}", 0.))
    told = hand.page.locator("td", has_text=re.compile("^\\s*100%\\s*$")).count()
    asked = mine.table.value.count("100%")
    if not told == asked > 0: raise AssertionError(f"{hand.name}: {told} cells say 100%, {asked} should")
    ssim, lpips = mine.weights["ssim"].value, mine.weights["lpips"].value
    print(f"  {hand.name}: sliders to {ssim:.3f} and {lpips:.3f}, only PSNR decides", flush=True)
    hand.click_curve(0, 0, 2)
    mine.choose(2)
    hand.shows(mine.picture.value, "click on candidate 2")
    hand.shot("weights")


def training(hand, outputs):
    mine = TrainingMonitor(outputs)
    hand.shows(mine.picture.value, "opens with the newest look")
    last = hand.page.evaluate(POINTS) - 1
    looks = sorted((outputs/mine.shown[0]/"samples").glob("*.png"))
    hand.click_curve(0, 0, 0)
    hand.shows(looks[0].read_bytes(), "click on the first step")
    hand.drag("look at", 1.)
    hand.shows(looks[-1].read_bytes(), "slider to the last look")
    names = hand.page.locator("select[multiple] option")
    names.nth(0).click()
    if names.count() > 1: names.nth(names.count() - 1).click(modifiers=["Control"])
    hand.page.get_by_role("button", name="live").click()
    hand.settle()
    run = mine.shown[0]
    rows = mine.tails[run].rows
    line = dict(step=rows[-1]["step"] + 1, reward=rows[0].get("reward", 0.))
    with open(outputs/run/"metrics.jsonl", "a") as f: f.write(json.dumps(line) + "\n")
    hand.page.wait_for_function(f"{POINTS} > {last + 1}", timeout=120_000)
    print(f"  {hand.name}: a new line is drawn while live", flush=True)
    hand.shot("live")


def drive(hand, outputs):
    mine = open_drive()
    mine.pause = 0
    hand.shows(mine.picture.value, "opens with the observed frame")
    hand.page.get_by_role("button", name="replay one clip").click()
    mine.do("replay")
    hand.shows(mine.picture.value, "one clip along the record")
    hand.shot("replay")
    hand.page.get_by_role("button", name="left", exact=True).click()
    mine.do("left")
    hand.shows(mine.picture.value, "one clip to the left")
    hand.page.locator(".persistworld-keys").click()
    hand.page.keyboard.press("w")
    mine.do("up")
    hand.shows(mine.picture.value, "key w: one clip up")
    mine.go(int(hand.drag("frame", .3)))
    hand.shows(mine.picture.value, f"slider to frame {mine.frame}")
    hand.click_curve(0, 0, 10)
    mine.go(10)
    hand.shows(mine.picture.value, "click on the curve at frame 10")
    hand.shot("driven")
    hand.page.get_by_role("button", name="undo").click()
    mine.do("undo")
    hand.shows(mine.picture.value, "undo")


def progress(hand, outputs):
    mine, file = open_labelling(["../data/tabletop"], outputs/"never.jsonl"), outputs/"labels.jsonl"
    def press(name): # a button with an icon, too
        hand.page.locator(f'.jupyter-button:text-is("{name}")').click()
        hand.settle()
    hand.shows(mine.picture.value, "opens with the first frame")
    press("none")
    if file.exists(): raise AssertionError(f"{hand.name}: a label without a name was kept")
    hand.page.get_by_text("write your name first").wait_for()
    hand.page.locator(".widget-text input").fill("ann")
    hand.page.keyboard.press("Tab")
    hand.settle()
    mine.who.value = "ann"
    mine.go(int(hand.drag("frame", .5)))
    hand.shows(mine.picture.value, f"slider to frame {mine.frame} of her first rollout")
    hand.shot("slider")
    first, stage = mine.now, mine.now.task.stages[1]
    press(stage)
    kept = [(x.rollout, x.stage, x.who) for x in read_labels(file)]
    if kept != [(first.rollout, 2, "ann")]: raise AssertionError(f"{hand.name}: kept {kept}")
    mine.later()
    hand.shows(mine.picture.value, f"{stage} is kept, the next rollout opens")
    press("back")
    mine.queue.insert(0, mine.queue.pop())
    mine.show()
    hand.shows(mine.picture.value, "back")
    hand.shot("back")


def are_not_tricked(browser, address):
    "Names are shown as they are written"
    for name in "rollouts", "branches", "reward", "training":
        hand = Hand(browser, address, f"explore_{name}")
        hand.shot("trick")
        if hand.page.evaluate("window.tricked"): raise AssertionError(f"explore_{name}: a name was executed")
        if "onerror" not in hand.page.content(): raise AssertionError(f"explore_{name}: it is not shown")
        print(f"  explore_{name}: a name that is HTML stays text", flush=True)
        hand.page.close()


def say_what_to_run(browser, address):
    "With nothing to show"
    for name in "rollouts", "branches", "reward", "training":
        hand = Hand(browser, address, f"explore_{name}")
        hand.page.get_by_text("papermill nbs/").first.wait_for(timeout=120_000)
        print(f"  explore_{name}: with nothing to show it says what to run", flush=True)
        hand.shot("empty")
        hand.page.close()


def prepare(here, outputs):
    "A folder with the explorers, the data and the runs"
    (here/"nbs").mkdir()
    for page in (ROOT/"nbs").glob("explore_*.ipynb"): shutil.copy(page, here/"nbs")
    (here/"data").symlink_to(ROOT/"data")
    os.chdir(here/"nbs")
    unneeded = shutil.ignore_patterns("checkpoints", "model", "browser")
    if outputs: shutil.copytree(outputs, here/"outputs", ignore=unneeded)
    else: made_up(here/"outputs")


def main(
    outputs=None, # folder of real runs; None: made-up ones
    only=None, # one explorer's name, or empty; None: all
):
    explorers = dict(rollouts=rollouts, branches=branches, reward=reward, training=training, drive=drive,
                     progress=progress)
    with tempfile.TemporaryDirectory() as here:
        here = Path(here)
        prepare(here, outputs)
        with jupyter(here) as address, sync_playwright() as p:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, act in explorers.items():
                if only not in (None, name): continue
                print(name, flush=True)
                hand = Hand(browser, address, f"explore_{name}")
                act(hand, Path("../outputs"))
                hand.page.close()
            def anew(folder):
                shutil.move(here/"outputs", here/f"before {folder}")
                (here/"outputs").mkdir()
            if only in (None, "trick"):
                anew("trick")
                made_up_trick(here/"outputs")
                are_not_tricked(browser, address)
            if only in (None, "empty"):
                anew("empty")
                say_what_to_run(browser, address)
            browser.close()
    print(f"browser test passed; screenshots in {SHOTS}")


folder, *explorer = sys.argv[1:] or ["made-up"]
main(None if folder == "made-up" else os.path.abspath(folder), *explorer)
