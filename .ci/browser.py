"Open every explorer in JupyterLab with a headless Chromium and do what a hand would: move a slider, click a curve, compare what is shown with what the class renders."
import base64, json, os, re, shutil, socket, subprocess, sys, tempfile, time, urllib.request
from contextlib import contextmanager
from pathlib import Path
import numpy as np
from PIL import Image
from playwright.sync_api import TimeoutError, sync_playwright
from persistworld.look.branch_browser import BranchBrowser
from persistworld.look.teleop import open_drive
from persistworld.look.films import Films, made_up_run
from persistworld.look.groups import Groups, made_up_groups
from persistworld.look.reward_inspector import RewardInspector
from persistworld.look.monitor import TrainingMonitor
from persistworld.look.panels import runs_with
from persistworld.look.scrubber import RolloutScrubber

ROOT = Path(__file__).resolve().parent.parent
SHOTS = ROOT/"outputs"/"browser"
SLOWEST = 300 # ms from a key on the slider to the new picture, median: three times what an idle machine needs at most


def made_up(outputs):
    "Runs that need no model: films of fourteen clips, groups at three steps, two logs with looks"
    made_up_run(outputs/"made-up", clips=14)
    made_up_groups(outputs/"made-up")
    for run, shift in ("another", .1), ("made-up", 0.):
        (outputs/run/"samples").mkdir(parents=True, exist_ok=True)
        for i in range(0, 41, 10): Image.fromarray(np.full((180, 900, 3), (40, 60 + 4*i, 90), np.uint8)).save(outputs/run/"samples"/f"{i:06d}.png")
        with open(outputs/run/"metrics.jsonl", "w") as f:
            for i in range(1, 41):
                f.write(json.dumps(dict(step=i, reward=1.6 + shift + .1*(1 - .9**i) + .02*np.sin(7*i), best=1.7 + shift + .1*(1 - .9**i), spread=.02 + .005*np.cos(5*i), loss=.1 + 1/i, from_ref=i/4e3, seconds_score=3., seconds_update=2 + np.cos(i))) + "\n")
                if i % 10 == 0: f.write(json.dumps(dict(step=i, held_out=1.4 + shift + i/400)) + "\n")


@contextmanager
def jupyter(folder):
    "JupyterLab in a folder, with settings of its own; yields its address"
    settings = folder/"settings"/"@jupyterlab"/"apputils-extension"
    settings.mkdir(parents=True)
    (settings/"notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = os.environ | dict(JUPYTER_CONFIG_DIR=str(folder/"config"), IPYTHONDIR=str(folder/"ipython"), JUPYTERLAB_SETTINGS_DIR=str(folder/"settings"), JUPYTERLAB_WORKSPACES_DIR=str(folder/"workspaces"))
    with open(folder/"server.log", "w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=explore", f"--ServerApp.root_dir={folder}"],
                                  env=env, stdout=log, stderr=log)
    try:
        for _ in range(1500):
            try: urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token=explore"); break
            except OSError: time.sleep(.2)
            if server.poll() is not None: raise RuntimeError(f"JupyterLab did not start:\n{(folder/'server.log').read_text()[-3000:]}")
        else: raise RuntimeError("JupyterLab did not answer within five minutes")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


class Hand:
    "One page in the browser"
    def __init__(self, browser, address, page):
        self.name, self.page = page, browser.new_page(viewport=dict(width=1420, height=1500))
        self.page.set_default_timeout(60_000)
        for patience in 90_000, 90_000, 300_000: # a run was seen in which no output came after the first command
            try: return self.open(f"{address}/doc/tree/nbs/{page}.ipynb?token=explore&reset", patience)
            except TimeoutError as e:
                self.shot("failed")
                if patience == 300_000: raise
                print(f"  {page}: opened once more, for {str(e).splitlines()[0]}", flush=True)

    def open(self, address, patience): # run all cells and wait for the explorer
        self.page.goto(address)
        self.page.wait_for_selector(".jp-StatusBar-TextItem:text-is('Python 3 (ipykernel) | Idle')", timeout=patience) # the notebook's own indicator says idle before there is a kernel, and a command then asks for one
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
        return base64.b64decode(src.evaluate("async img => { const b = new Uint8Array(await (await fetch(img.src)).arrayBuffer()); let s = ''; for (const x of b) s += String.fromCharCode(x); return btoa(s) }"))

    def shows(self, expected, what, i=0): # wait until the picture is the one the class renders
        for _ in range(100):
            if self.image(i) == expected: return print(f"  {self.name}: {what}", flush=True)
            time.sleep(.1)
        self.shot("failed")
        raise AssertionError(f"{self.name}, {what}: the browser shows another picture than the class renders (see {SHOTS}/{self.name}-failed.png)")

    def slider(self, name): return self.page.locator(f'.widget-hslider:has(.widget-label:text-is("{name}"))').first

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
        at = plot.evaluate("(gd, [t, i, x, y]) => { const l = gd._fullLayout, d = gd._fullData.find((d, i) => i === t || d.name === t), b = gd.getBoundingClientRect(); return [b.left + l[x]._offset + l[x].d2p(d.x[i]), b.top + l[y]._offset + l[y].d2p(d.y[i])] }", [trace, i, *axis])
        self.page.mouse.move(at[0] - 3, at[1] - 3)
        self.page.mouse.move(*at, steps=3)
        time.sleep(.3)
        self.page.mouse.click(*at)
        self.settle()

    def answer_ms(self, name, presses=12): # from a key on the slider to the new picture
        handle = self.slider(name).locator(".noUi-handle")
        handle.focus()
        self.page.evaluate("""() => { window.waits = []
            const img = document.querySelector('.jp-OutputArea-output img.widget-image')
            document.addEventListener('keydown', () => { window.pressed = performance.now() }, true)
            new MutationObserver(() => { window.waits.push(performance.now() - window.pressed) }).observe(img, { attributes: true, attributeFilter: ['src'] }) }""")
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
    print(f"  {hand.name}: from key to picture {np.median(waits):.0f} ms (median), {max(waits):.0f} ms (slowest of {len(waits)}); {len(mine.film)} frames, {len(mine.rows)} rows, heat map and masks", flush=True)
    if np.median(waits) > SLOWEST: raise AssertionError(f"a slider move is answered after {np.median(waits):.0f} ms, more than {SLOWEST}: is the machine busy?")


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
    if not told == mine.table.value.count("100%") > 0: raise AssertionError(f"{hand.name}: {told} cells say 100%, {mine.table.value.count('100%')} should")
    print(f"  {hand.name}: sliders to {mine.weights['ssim'].value:.3f} and {mine.weights['lpips'].value:.3f}, only PSNR decides", flush=True)
    hand.click_curve(0, 0, 2)
    mine.choose(2)
    hand.shows(mine.picture.value, "click on candidate 2")
    hand.shot("weights")


def training(hand, outputs):
    mine = TrainingMonitor(outputs)
    hand.shows(mine.picture.value, "opens with the newest look")
    first = hand.page.evaluate("document.querySelector('.js-plotly-plot')._fullData[0].x.length") - 1
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
    with open(outputs/mine.shown[0]/"metrics.jsonl", "a") as f: f.write(json.dumps(dict(step=mine.tails[mine.shown[0]].rows[-1]["step"] + 1, reward=mine.tails[mine.shown[0]].rows[0].get("reward", 0.))) + "\n")
    hand.page.wait_for_function(f"document.querySelector('.js-plotly-plot')._fullData[0].x.length > {first + 1}", timeout=120_000)
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


def main(outputs=None, only=None): # folder of real runs; None: made-up ones. one explorer's name; None: all
    explorers = dict(rollouts=rollouts, branches=branches, reward=reward, training=training, drive=drive)
    with tempfile.TemporaryDirectory() as here:
        here = Path(here)
        (here/"nbs").mkdir()
        for page in (ROOT/"nbs").glob("explore_*.ipynb"): shutil.copy(page, here/"nbs")
        (here/"data").symlink_to(ROOT/"data")
        os.chdir(here/"nbs")
        if outputs: shutil.copytree(outputs, here/"outputs", ignore=shutil.ignore_patterns("checkpoints", "model", "browser"))
        else: made_up(here/"outputs")
        with jupyter(here) as address, sync_playwright() as p:
            browser = p.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"])
            for name, act in explorers.items():
                if only in (None, name):
                    print(name, flush=True)
                    hand = Hand(browser, address, f"explore_{name}")
                    act(hand, Path("../outputs"))
                    hand.page.close()
            if only in (None, "empty"):
                shutil.move(here/"outputs", here/"gone")
                (here/"outputs").mkdir()
                for name in "rollouts", "branches", "reward", "training":
                    hand = Hand(browser, address, f"explore_{name}")
                    hand.page.get_by_text("papermill nbs/").first.wait_for(timeout=120_000)
                    print(f"  explore_{name}: with nothing to show it says what to run", flush=True)
                    hand.shot("empty")
                    hand.page.close()
            browser.close()
    print(f"browser test passed; screenshots in {SHOTS}")


main(*[os.path.abspath(a) if i == 0 and a != "made-up" else None if i == 0 else a for i, a in enumerate(sys.argv[1:])])
