import pytest
from tests.browser.test_users import fill, signed_in
pytestmark = pytest.mark.anyio

async def test_it(panel):
    await signed_in(panel, people=2, balance="50")
    await panel.goto("/users")
    await panel.page.click("a[href='/users/new']")
    await panel.dialog.locator("[data-group-new]").click()
    await panel.dialog.locator("[data-group-create]").click()
    await panel.page.wait_for_timeout(2000)
    print(await panel.page.evaluate("""() => { const e = document.querySelector('#modal #f-group_name-error'); const out=[]; for (let n=e;n&&n.id!=='modal';n=n.parentElement){const c=getComputedStyle(n);const r=n.getBoundingClientRect();out.push([n.tagName,n.className,n.hidden,c.display,c.visibility,r.width,r.height].join(' '))} return out.join('\\n')}"""))
    await panel.page.screenshot(path="/tmp/aud1.png")
    await panel.page.set_viewport_size({"width": 360, "height": 800})
    await panel.page.wait_for_timeout(300)
    await panel.page.screenshot(path="/tmp/aud2.png")
