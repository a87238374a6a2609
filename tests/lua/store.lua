-- Tests of latent.core.store and latent.store, on the store that
-- test_bind_store.c made; its path is the argument.
local path = ...
local core = require "latent.core.store"
local latent_store = require "latent.store"

local function same(found, wanted, what)
  if found ~= wanted then
    error(("%s: found %s, wanted %s"):format(what or "?", tostring(found), tostring(wanted)), 2)
  end
end

local function fails(part, f, ...)
  local ok, message = pcall(f, ...)
  if ok then error("no error, wanted: " .. part, 2) end
  if not tostring(message):find(part, 1, true) then
    error(("found error '%s', wanted '%s'"):format(message, part), 2)
  end
end

local store = latent_store.open(path)
same(tostring(store), "store (" .. path .. ")")
same(store:path(), path)
same(getmetatable(store), false, "metatable")

-- runs
local runs = store:runs()
same(#runs, 3, "runs")
same(runs[1].id, 1)
same(math.type(runs[1].id), "integer")
same(runs[1].status, "finished")
same(runs[1].config.tie, "tied")
same(runs[1].config.deep, true)
same(runs[1].config.rate, 0.1)
same(math.type(runs[1].config.code), "integer")
same(runs[1].config.layers[2], 3)
same(runs[3].started_at, nil, "a null")
same(#store:runs("tie=tied"), 2)
same(#store:runs(""), 3)
same(store:count("tie=tied"), 2)
same(store:count(), 3)
fails("did you mean 'tie'?", store.runs, store, "tei=tied")
fails("wanted a value", store.count, store, "tie=")

-- tables
local rows = store:table("code>0", { columns = { "id", "tie", "deep", "min(loss)" }, order = "-loss", limit = 2 })
same(#rows, 2)
same(rows[1].id, 2)
same(rows[2]["min(loss)"], 0.25)
same(rows[2].deep, "true")
same(store:table(nil, { columns = { "id" } })[3].id, 3)
fails("columns", store.table, store, nil, {})
fails("columns", store.table, store, nil, { columns = {} })
fails("number 2 is no name", store.table, store, nil, { columns = { "id", {} } })
fails("did you mean 'loss'?", store.table, store, nil, { columns = { "id" }, order = "lsos" })

-- keys
local differs = {}
for _, key in ipairs(store:keys()) do differs[key.key] = key.differs end
same(differs.tie, true)
same(differs.rate, false)
same(differs.deep, true)
same(store:keys("id=1")[1].n, 1)

-- metrics
local steps, epochs, values, elapsed = store:metric(1, "loss")
same(#steps, 4)
same(math.type(steps[1]), "integer")
same(steps[4], 3)
same(epochs[2], 0.5)
same(values[1], 0.5)
same(values[2] ~= values[2], true, "nan")
same(values[3], math.huge)
same(values[4], 0.25)
same(#elapsed, 4)
same(#store:metric(1, "none"), 0)
same(#store:metric(runs[1].name, "loss"), 4)
same(#store:metric("@best(loss)", "loss"), 4)
fails("no run", store.metric, store, "nobody", "loss")
local finals = store:finals(1)
same(finals.loss.last, 0.25)
same(finals.loss.min_step, 3)
same(finals.loss.nonfinite, 2)
same(next(store:finals(3)), nil)

-- artifacts, sources, counts
local artifacts = store:artifacts(1)
same(#artifacts, 1)
same(artifacts[1].path, "runs/1/note.txt")
same(artifacts[1].file, path:match("^(.*/)") .. "runs/1/note.txt")
same(io.open(artifacts[1].file):read("a"), "hello")
same(store:source(runs[1].script_hash), "bind")
fails("no source", store.source, store, "00")
same(store:counts().finished, 2)
same(store:counts(1).queued, 1)
same(store:counts(9).queued, 0)
same(store:find("@last"), 2)
same(store:find("3"), 3)

-- SQL
local found, names = store:sql("SELECT id, status AS s, NULL AS n FROM runs WHERE seed >= ? AND status <> ?", 2, "x")
same(#found, 2)
same(found[1].id, 2)
same(found[1].s, "finished")
same(found[1].n, nil)
same(table.concat(names, ","), "id,s,n")
same(store:sql("SELECT ? AS a, ? AS b, ? AS c, typeof(?4) AS d", 1.5, true, "x\0y", nil)[1].c, "x\0y")
same(store:sql("SELECT typeof(?) AS t", nil)[1].t, "null")
same(store:sql("SELECT median(value) AS m FROM metrics WHERE kind = 'finite'")[1].m, 0.75)
local numbered, columns = store:query("SELECT 1, 1, ?", 5, "z")
same(numbered[1][3], "z")
same(#columns, 3)
fails("only SELECT", store.sql, store, "DELETE FROM run")
fails("no such column", store.sql, store, "SELECT nme FROM runs")
fails("has 1 '?'", store.sql, store, "SELECT ?", 1, 2)
fails("limit of 0.05 seconds", store.query, store,
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", 0.05)
fails("string expected", store.sql, store, "SELECT ?", {})

-- A query cut short by an error is closed: the store can be closed and reaped.
local writer = core.open(path, "write")
same(writer:reap(), 0)
writer:close()
fails("only SELECT", store.sql, store, "PRAGMA user_version = 1")

-- closing
do
  local again <close> = core.open(path)
  same(again:count(), 3)
  store = again
end
fails("the store is closed", store.count, store)
same(tostring(store), "store (closed)")
store:close()
fails("no store there yet", core.open, path .. ".none")
fails("invalid option 'delete'", core.open, path, "delete")
fails("wanted a path", latent_store.open, 3)

-- Stores that are forgotten are closed by the collector.
for _ = 1, 300 do core.open(path) end
collectgarbage()
