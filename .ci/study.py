"""Two raters in a headless Chromium go through the blind study's page: onboarding, votes by button and key,
a double click, a reload, a second tab, a server that is killed and started again. Each vote is kept once."""
import shutil, socket, subprocess, sys, tempfile, time, urllib.error, urllib.request
from pathlib import Path
import numpy as np
from playwright.sync_api import sync_playwright
from persistworld.core.video import write_video
from persistworld.study.store import Store

SHOTS = Path(__file__).resolve().parent.parent/"outputs"/"browser"
READY = "!document.getElementById('A').disabled" # for an answer
ALL = "[...document.querySelectorAll('video')]"
SERVER = """
import asyncio, sys
from persistworld.study.server import StudyServer
from persistworld.study.store import Store
url, folder, port = sys.argv[1:]
asyncio.run(StudyServer(Store(url, quota=2), folder, {"episode 0": "lift the can"}).serve(int(port)))
"""


def made_up_videos(folder, episodes):
    "A square that moves, and two predictions of it"
    for i in range(episodes):
        scene = np.full((20, 128, 192, 3), 120, np.uint8)
        for t in range(20): scene[t, 40:80, 6*t + 4*i:6*t + 4*i + 40] = (200, 60, 60)
        for name, x in dict(reference=scene, base=scene//2, post=scene - 20).items():
            write_video(folder/f"episode {i}"/f"{name}.mp4", x)


def serve(url, folder, port):
    "A server in a process of its own, answering"
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", SERVER, url, folder, str(port)])
    for _ in range(300):
        try: urllib.request.urlopen(f"http://127.0.0.1:{port}/r/nobody")
        except urllib.error.HTTPError: return process
        except OSError: time.sleep(.1)
    raise RuntimeError("the study's server does not answer")


class Rater:
    "One rater's browser"
    def __init__(self, browser, address):
        self.context, self.got = browser.new_context(viewport=dict(width=900, height=1000)), []
        self.context.on("response", lambda answer: self.got.append(f"{answer.url} {answer.headers}"))
        self.address, self.page = address, self.open(address)

    def open(self, address):
        page = self.context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        return page

    def pick(self): # another pair than the one that is shown
        shown = self.page.input_value("#which")
        options = self.page.locator("#which option").all()
        other = next(x for x in (o.get_attribute("value") for o in options) if x != shown)
        self.page.select_option("#which", other)
        self.wait(0)
        assert self.page.input_value("#which") == other

    def begin(self): self.page.click("#begin"); self.wait(0)

    def wait(self, answered): # and ready for the next answer
        said = f"document.getElementById('progress').textContent.startsWith('{answered} ')"
        self.page.wait_for_function(f"{said} && {READY}")


def main():
    with tempfile.TemporaryDirectory() as here, sync_playwright() as p, socket.socket() as s:
        here, url = Path(here), f"sqlite:///{here}/votes.db"
        made_up_videos(here/"videos", 6)
        store = Store(url, quota=2)
        store.add_pairs((f"episode {i}", "base", "post") for i in range(6))
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        links = [f"http://127.0.0.1:{port}/r/{token}" for token in store.invite(2)]
        server = serve(url, here/"videos", port)
        browser = p.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
                                    args=["--no-sandbox"])
        ann, bob = (Rater(browser, link) for link in links)
        SHOTS.mkdir(parents=True, exist_ok=True)
        ann.page.screenshot(path=SHOTS/"study-intro.png")
        for rater in ann, bob: rater.begin()
        for _ in range(6): ann.page.keyboard.press("ArrowRight") # the seventh of 20 frames
        ann.page.wait_for_function(f"{ALL}.every(v => !v.seeking)")
        times = ann.page.evaluate(f"{ALL}.map(v => v.currentTime/v.duration)")
        assert all(abs(t - 6.5/20) < .02 for t in times), times
        assert ann.page.text_content("#frame") == "frame 7 of 20"
        ann.page.keyboard.press(" ") # all play, and stay together
        ann.page.wait_for_function(f"{ALL}.every(v => v.currentTime > 2)")
        ann.page.keyboard.press(" ")
        times = ann.page.evaluate(f"{ALL}.map(v => v.paused && v.currentTime)")
        assert all(times) and max(times) - min(times) < .3, times
        ann.page.screenshot(path=SHOTS/"study-pair.png")
        ann.page.keyboard.press("Control+a") # selects, and is no answer
        ann.page.dblclick("#A") # one answer, to the pair that was there
        ann.page.wait_for_timeout(500)
        answered = int(ann.page.text_content("#progress").split()[0])
        assert answered == 1, answered # the second click met buttons that were off
        ann.page.reload() # in the middle: no onboarding again, nothing lost
        ann.wait(answered)
        tab = ann.open(links[0]) # the same pair in two tabs: one vote
        tab.click("#begin")
        tab.wait_for_function(f"{READY} && document.getElementById('which').value")
        same = ann.page.input_value("#which") == tab.input_value("#which")
        assert same
        tab.keyboard.press("b")
        ann.page.keyboard.press("a")
        ann.wait(answered + 1)
        bob.pick()
        bob.page.keyboard.press("s")
        skipped = "document.getElementById('progress').textContent.includes('1 skipped')"
        bob.page.wait_for_function(f"{skipped} && {READY}")
        server.kill() # while bob answers
        server.wait()
        bob.page.keyboard.press("b")
        bob.page.wait_for_function("document.getElementById('said').textContent.startsWith('Not kept')")
        server = serve(url, here/"videos", port)
        for i in range(5): # all that is left to bob
            bob.page.keyboard.press("b")
            bob.wait(i + 1)
        for i in range(answered + 1, 6):
            ann.page.click("#A")
            ann.wait(i + 1)
        assert "nothing more to rate. 6 answers" in ann.page.inner_text("#done")
        told = [x for rater in (ann, bob) for x in rater.got]
        assert len(told) > 40 and not any(name in x for x in told for name in ("base", "post")), told
        browser.close()
        server.kill()
        votes = store.votes()
        mine = {name: [v for v in votes if v.rater == name] for name in ("r0", "r1")}
        assert (len(mine["r0"]), len(mine["r1"])) == (6, 5), votes
        assert len({(v.rater, v.item) for v in votes}) == 11 and all(v.choice == "right" for v in mine["r1"])
    print("study test passed: two raters, 11 votes, each once")


main()
