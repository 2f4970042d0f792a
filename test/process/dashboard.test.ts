import { randomUUID } from "node:crypto"
import { createRequire } from "node:module"
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { AxeResults } from "axe-core"
import type { Browser, Page } from "playwright-core"
import { inject } from "vitest"
import { chromiumPath, launchBrowser, visit } from "./browser.ts"
import { eventually, startWorker } from "./program.ts"
import { awaitStatus, closedAccount, commitRow, lengths, push, request, World, world } from "./world.ts"
import { aJob } from "../fixture.ts"

if (chromiumPath === undefined) {
  process.stderr.write("No Chromium here, so the dashboard's tests are skipped: apt-get install chromium.\n")
}

const token = "open-sesame"
const hostile = `<img src=x onerror="document.title='owned'">`

class Chromium extends Context.Service<Chromium, Browser>()("test/Chromium") {}

/** One browser for all; what it remembers it remembers for one visit. */
const browser = Layer.effect(Chromium, launchBrowser)

/** A worker with a dashboard, and somebody who has signed in to it. */
const signedIn = Effect.fnUntraced(function* (options: Parameters<typeof visit>[2] = {}) {
  const { env } = yield* World
  const worker = yield* startWorker({ ...env, HTTP_ADMIN_TOKEN: token })
  const visitor = yield* visit(yield* Chromium, worker.url, options)
  yield* signIn(visitor.page)
  return { ...visitor, worker }
})

const signIn = (page: Page) =>
  Effect.promise(async () => {
    await page.goto("/")
    await page.getByLabel("Admin token").fill(token)
    await page.keyboard.press("Enter")
    await page.getByText("Ended in each minute").waitFor()
  })

/** What Chromium itself says of the 401 that brings the form. */
const ownFaults = (faults: ReadonlyArray<string>) => faults.filter((fault) => !fault.includes("401 (Unauthorized)"))

const tile = (page: Page, name: string) =>
  page.locator(".tile", { has: page.getByText(name, { exact: true }) }).locator(".figure")

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js")

/** What axe finds, in a line each. The policy lets no script into the page but its own, so it comes from outside. */
const barriers = async (page: Page) => {
  const session = await page.context().newCDPSession(page)
  const { readFile } = await import("node:fs/promises")
  await session.send("Runtime.evaluate", { expression: await readFile(axe, "utf8") })
  const { result } = await session.send("Runtime.evaluate", {
    expression: "axe.run().then((found) => JSON.stringify(found))",
    awaitPromise: true
  })
  const found: AxeResults = JSON.parse(String(result.value))
  assert.isAbove(found.passes.length, 10, "axe has looked at the page")
  return found.violations.map(({ help, id, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" ")}`)
}

describe.skipIf(inject("redis") === undefined || chromiumPath === undefined)("the dashboard", () => {
  layer(browser, { excludeTestServices: true })("in a browser", (it) => {
    it.effect("refuses a wrong token, takes the right one, and lets go again", () =>
      Effect.gen(function* () {
        const { env } = yield* World
        const worker = yield* startWorker({ ...env, HTTP_ADMIN_TOKEN: token })
        const { faults, page } = yield* visit(yield* Chromium, worker.url)
        yield* Effect.promise(async () => {
          await page.goto("/")
          await page.getByLabel("Admin token").fill("sesame")
          await page.getByRole("button", { name: "Sign in" }).click()
          await page.getByRole("alert").getByText("That is not the token").waitFor()
        })
        yield* signIn(page)
        yield* Effect.promise(async () => {
          await page.reload()
          await page.getByText("w-1 (this one)").waitFor()
          const [cookie] = await page.context().cookies()
          assert.deepInclude(cookie, { httpOnly: true, sameSite: "Strict" })
          await page.getByRole("button", { name: "Sign out" }).click()
          await page.getByLabel("Admin token").waitFor()
          assert.lengthOf(await page.context().cookies(), 0)
        })
        assert.deepStrictEqual(ownFaults(faults()), [])
      }).pipe(Effect.provide(world()))
    )

    it.effect("a link from another site leads in, for those who have signed in", () =>
      Effect.gen(function* () {
        const { faults, page, worker } = yield* signedIn()
        const id = randomUUID()
        yield* Effect.promise(async () => {
          const link = `<a href="${worker.url}/#request=${id}">see</a>`
          await page.route("http://chat.example/", (route) => route.fulfill({ contentType: "text/html", body: link }))
          await page.goto("http://chat.example/")
          await page.getByText("see").click()
          await page.getByRole("dialog").getByText(id).waitFor()
        })
        assert.isTrue(
          faults().every((fault) => /chat\.example|40[14]/.test(fault)),
          faults().join("\n")
        )
      }).pipe(Effect.provide(world()))
    )

    it.effect("follows what happens without being asked", () =>
      Effect.gen(function* () {
        const { faults, page } = yield* signedIn()
        yield* Effect.promise(() => page.getByText("All is well.").waitFor())
        assert.strictEqual(yield* Effect.promise(() => tile(page, "Done in an hour").textContent()), "0")
        const job = yield* request()
        yield* awaitStatus(job.correlation_id, "SUCCESS")
        yield* Effect.promise(() => tile(page, "Done in an hour").getByText("1", { exact: true }).waitFor())
        yield* push("no job")
        yield* Effect.promise(() => page.getByText("1 dead letter", { exact: true }).waitFor())
        assert.deepStrictEqual(ownFaults(faults()), [])
      }).pipe(Effect.provide(world()))
    )

    it.effect("a failure is found by its account, with its whole trail, by keyboard alone", () =>
      Effect.gen(function* () {
        const { faults, page } = yield* signedIn()
        const job = yield* request({ account_id: closedAccount })
        yield* awaitStatus(job.correlation_id, "FAILED")
        yield* Effect.promise(async () => {
          await page.getByLabel("Search requests").focus()
          await page.keyboard.type(closedAccount)
          await page.keyboard.press("Enter")
          const found = page.getByRole("region", { name: "Requests of" }).getByRole("link")
          await found.getByText(job.correlation_id).waitFor()
          await found.focus()
          await page.keyboard.press("Enter")
          const dialog = page.getByRole("dialog", { name: "Request" })
          for (const text of ["Delivery 1, claimed by w-1", "AccessDenied", "AssumeRole"]) {
            await dialog.getByText(text).first().waitFor()
          }
          await page.keyboard.press("Escape")
          await dialog.waitFor({ state: "detached" })
          assert.isTrue(await found.evaluate((link) => link.ownerDocument.activeElement === link), "the focus is back")
          // It stands among the failures, too, and under its id.
          await page.getByRole("region", { name: "Failures" }).getByText(job.correlation_id).waitFor()
          await page.goto(`/#search=${job.correlation_id}`)
          await found.getByText(job.correlation_id).waitFor()
        })
        assert.deepStrictEqual(ownFaults(faults()), [])
      }).pipe(Effect.provide(world()))
    )

    it.effect("a dead letter is replayed when somebody says so, and not before", () =>
      Effect.gen(function* () {
        const { faults, page } = yield* signedIn()
        const job = aJob({ received_at: new Date().toISOString() })
        yield* push(JSON.stringify(job), job.correlation_id)
        const open = Effect.promise(() => page.getByRole("button", { name: "Replay…" }).click())
        const dialog = page.getByRole("dialog", { name: "Replay" })
        yield* open
        yield* Effect.promise(async () => {
          await dialog.getByText(job.correlation_id).first().waitFor()
          await dialog.getByRole("button", { name: "Cancel" }).click()
          await dialog.waitFor({ state: "detached" })
        })
        assert.deepStrictEqual(yield* lengths, [0, 0, 1])

        const replay = Effect.promise(async () => {
          await dialog.getByLabel("Your name").fill("Ann")
          await dialog.getByLabel("Why").fill("its row was late")
          await dialog.getByRole("button", { name: "Replay" }).click()
        })
        yield* open
        yield* replay
        // The row is still not there, and the refusal says what to do.
        yield* Effect.promise(() => dialog.getByRole("alert").getByText("there is still no AWS request").waitFor())
        assert.deepStrictEqual(yield* lengths, [0, 0, 1])
        yield* commitRow(job)
        yield* replay
        yield* awaitStatus(job.correlation_id, "SUCCESS")
        yield* Effect.promise(() => page.getByText(`Replayed: the job of ${job.correlation_id}`).waitFor())
        yield* eventually(lengths, ([, , dead]) => dead === 0)
        assert.deepStrictEqual(
          faults().filter((fault) => !/40[19] \(/.test(fault)),
          []
        )
      }).pipe(Effect.provide(world()))
    )

    it.effect("shows what a payload says as text, whatever it says", () =>
      Effect.gen(function* () {
        const { sql } = yield* World
        yield* sql`WITH r AS (INSERT INTO csb_app.csb_requests
          (correlation_id, status, cloud_provider, principal, action, entitlement, account_id)
          VALUES (gen_random_uuid(), 'FAILED', 'aws', ${hostile}, ${hostile.slice(0, 50)}, ${hostile}, ${hostile})
          RETURNING correlation_id)
        INSERT INTO csb_app.csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, 'FAILED', ${hostile} FROM r`
        const { faults, page } = yield* signedIn()
        yield* push(JSON.stringify({ correlation_id: hostile }))
        yield* Effect.promise(async () => {
          const failure = page.getByRole("region", { name: "Failures" }).getByRole("link")
          await failure.getByText(hostile).first().waitFor()
          await failure.click()
          await page.getByRole("dialog").getByText(hostile).first().waitFor()
          await page.keyboard.press("Escape")
          await page.locator("summary").click()
          await page.locator("pre").getByText(hostile.slice(0, 10)).waitFor()
          await page.goto(`/#search=${encodeURIComponent(hostile)}`)
          await page.getByRole("heading", { name: hostile }).waitFor()
          assert.strictEqual(await page.locator("#app img:not([src='/assets/icon.svg']), #app script").count(), 0)
          assert.notStrictEqual(await page.title(), "owned")
        })
        assert.deepStrictEqual(ownFaults(faults()), [])
      }).pipe(Effect.provide(world()))
    )

    const looks = [
      { colorScheme: "light", viewport: { width: 1280, height: 900 } },
      { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
      { colorScheme: "light", viewport: { width: 360, height: 740 }, isMobile: true },
      { colorScheme: "dark", viewport: { width: 360, height: 740 }, isMobile: true }
    ] as const

    it.effect("is without barriers, and no wider than a phone, in light and dark", () =>
      Effect.gen(function* () {
        const { env } = yield* World
        const worker = yield* startWorker({ ...env, HTTP_ADMIN_TOKEN: token })
        const job = yield* request({ account_id: closedAccount })
        yield* push("no job")
        yield* awaitStatus(job.correlation_id, "FAILED")
        for (const look of looks) {
          const { page } = yield* visit(yield* Chromium, worker.url, look)
          yield* Effect.promise(async () => {
            await page.goto("/")
            assert.deepStrictEqual(await barriers(page), [])
          })
          yield* signIn(page)
          yield* Effect.promise(async () => {
            await page.getByRole("button", { name: "Replay…" }).waitFor()
            assert.deepStrictEqual(await barriers(page), [])
            const width = await page.locator("html").evaluate((html) => html.scrollWidth)
            assert.isAtMost(width, look.viewport.width)
            await page.goto(`/#search=alice&request=${job.correlation_id}`)
            await page.getByText("Audit trail").waitFor()
            assert.deepStrictEqual(await barriers(page), [])
          })
        }
      }).pipe(Effect.provide(world()))
    )
  })
})
