from __future__ import annotations

from functools import partial

from textual.app import App, ComposeResult

from pipelock_tui.text import Line, line
from pipelock_tui.widgets.listing import Entry, Listing


def entry(key: str, drawn: list[str] | None = None) -> Entry:
    return Entry(key if not key.startswith("--") else "", partial(_draw, key, drawn))


def _draw(key: str, drawn: list[str] | None, width: int, selected: bool) -> Line:
    if drawn is not None:
        drawn.append(key)
    return line(f"{'>' if selected else ' '}{key}"[:width])


class Lists(App[None]):
    """One list, and what it tells."""

    CSS = "Listing { height: 1fr; overflow-x: hidden; overflow-y: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def compose(self) -> ComposeResult:
        yield Listing(id="it")

    def on_listing_moved(self, message: Listing.Moved) -> None:
        self.told.append(message.key)

    def on_listing_entered(self, message: Listing.Entered) -> None:
        self.told.append(f"{message.key}!")

    @property
    def text(self) -> list[str]:
        strips = self.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


async def test_the_cursor_passes_over_headings_and_stays_on_its_thing() -> None:
    async with Lists().run_test(size=(20, 6)) as pilot:
        app = pilot.app
        assert isinstance(app, Lists)
        listing = app.query_one(Listing)
        listing.focus()
        listing.show([entry("--one"), entry("a"), entry("b"), entry("--two"), entry("c")])
        assert (listing.key, listing.rank, len(listing)) == ("a", 1, 3)
        await pilot.press("j", "down", "j", "enter", "k")
        assert app.told == ["b", "c", "c!", "b"]
        listing.show([entry("x"), entry("y"), entry("b"), entry("c")])
        assert (listing.key, listing.rank) == ("b", 3)
        listing.show([entry("x"), entry("y")])
        assert listing.key == "y", "what took its place, or the last"
        listing.show([entry("x"), entry("y")], key="x")
        assert listing.key == "x"
        listing.show([], empty="nothing here")
        await pilot.pause()
        assert (listing.key, listing.rank) == ("", 0)
        assert "  nothing here" in app.text
        await pilot.press("j", "enter", "G")
        assert app.told == ["b", "c", "c!", "b"]


async def test_only_what_is_on_the_screen_is_drawn() -> None:
    async with Lists().run_test(size=(20, 6)) as pilot:
        app = pilot.app
        assert isinstance(app, Lists)
        listing = app.query_one(Listing)
        listing.focus()
        await pilot.pause()
        drawn: list[str] = []
        listing.show([entry(str(number), drawn) for number in range(10_000)])
        await pilot.pause()
        assert set(drawn) <= {str(number) for number in range(10)}
        drawn.clear()
        await pilot.press("G")
        await pilot.pause()
        assert app.text[5].startswith(">9999")
        assert len(set(drawn)) <= 20
        await pilot.press("pageup", "g")
        await pilot.pause()
        assert app.text[0].startswith(">0")


async def test_the_heading_over_the_first_thing_comes_into_view_with_it() -> None:
    async with Lists().run_test(size=(20, 4)) as pilot:
        app = pilot.app
        assert isinstance(app, Lists)
        listing = app.query_one(Listing)
        listing.focus()
        listing.show([entry("--one"), *(entry(str(number)) for number in range(9))])
        await pilot.press("G", "g")
        await pilot.pause()
        assert [text.split()[0] for text in app.text[:2]] == ["--one", ">0"]


async def test_a_click_puts_the_cursor_under_the_pointer() -> None:
    async with Lists().run_test(size=(20, 4)) as pilot:
        app = pilot.app
        assert isinstance(app, Lists)
        listing = app.query_one(Listing)
        listing.show([entry("--one"), entry("a"), entry("b")])
        await pilot.click(Listing, offset=(1, 2))
        await pilot.click(Listing, offset=(1, 0))
        assert app.told == ["b"]
