/** `cct config`: shows the effective settings with their sources, and changes them. */
import type { Command } from "commander";
import { explainConfig, homeOf } from "../../platform/config.ts";
import { changeSettings, checkSettings } from "../../platform/config-file.ts";
import { prepareHome } from "../../platform/home.ts";
import { isOnThisMachine } from "../../platform/network.ts";
import { isSecret, settingNamed } from "../../platform/settings.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { table } from "../parts/table.ts";
import { asUsage } from "../parts/usage.ts";

export function addConfigCommands(program: Command, { world, screen, readStdin }: Context): void {
  const config = program.command("config").description("Shows or changes the settings of this home.");
  config
    .command("show", { isDefault: true })
    .addHelpText("after", example("config show --json"))
    .description("Shows every setting, its value and where it comes from.")
    .option("--json", "as JSON")
    .action((options: { json?: boolean }) => {
      const settings = explainConfig(world);
      if (options.json) {
        const values = Object.fromEntries(settings.map(({ name, value, source }) => [name, { value, source }]));
        return screen.write(toJson({ home: homeOf(world), settings: values }));
      }
      const rows = settings.map(({ name, value, source }) => [name, value === null ? "-" : String(value), source]);
      screen.write(
        table(
          screen,
          ["SETTING", { heading: "VALUE", least: 12, keepEnd: true }, { heading: "FROM", least: 8 }],
          [["home", homeOf(world), world.env.CCT_HOME ? "CCT_HOME" : "default"], ...rows],
        ),
      );
    });
  config
    .command("set <setting> [value]")
    .addHelpText("after", example("config set keep_read_days 7"))
    .description(
      "Sets a setting in config.json; without a value, resets it to its default. A value of - is read from standard input.",
    )
    .action(async (setting: string, given: string | undefined) => {
      const home = homeOf(world);
      const name = asUsage(() => settingNamed(setting));
      const value = given === "-" ? (await readStdin()).trim() : given;
      asUsage(() => checkSettings({ [name]: value }));
      prepareHome(home, world.user, false);
      await changeSettings(world, home, { [name]: value });
      if (value === undefined) return screen.write(`${name} is reset to its default.\n`);
      const shown = isSecret(name) ? "is set (and not shown)" : `is set to ${value}`;
      screen.write(`${name} ${shown}. Running brokers and sessions use it after a restart.\n`);
      const isOpen = (address: string): boolean => /^http:/i.test(address) && !isOnThisMachine(address);
      if (name === "broker" && value.split(",").some((address) => isOpen(address.trim())))
        screen.write("Plain HTTP: anyone on the network path can read and change everything.\n");
    });
}
