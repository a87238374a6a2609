-- latent import: what `latent export` made into the store.
local args = require "latent.args"
local taking = require "latent.taking"

local spec <const> = {
  command = "import",
  summary = "take in what latent export made",
  positional = { { "FILE", field = "files", rest = true, help = "files that latent export made, or whole stores" } },
  options = {
    { "--only", value = "FILTER", help = "the runs there that match, instead of all" },
    { "--dry-run", help = "say what would be taken, and change nothing" },
  },
  text = [[
The same as latent merge: a run that is here already is not taken again. The
files of a run go to its folder beside the store. Every file and source is
checked against its SHA-256, and a run of which anything is damaged is refused
as a whole. Nothing of it is executed, here or by a later `latent resume`;
`latent replay RUN --sandbox` does it again without trusting its script.

To look into a file without taking it in: latent --db FILE ls (show, plot, sql).

Exit status: 0 fine, also when all was here; 2 a mistake in the command; 4 a
file cannot be opened, or a run was refused.]],
  examples = { { "latent import kq3xw8h2m.latent" } },
}

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  return taking.run(opt.files, opt, context)
end

return { main = main, spec = spec }
