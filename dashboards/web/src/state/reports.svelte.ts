// What people have reported about the shown flag.
import { api } from "../api/client";
import type { Report, ReportKind } from "../api/types";

class Reports {
  all = $state.raw<Report[]>([]);
  open = $derived(this.all.filter((report) => !report.dismissed_at));
  private flag: string | null = null;

  async load(flag: string): Promise<void> {
    if (this.flag !== flag) this.all = [];
    this.flag = flag;
    try {
      const { reports } = await api.reports(flag);
      if (this.flag === flag) this.all = [...reports].sort((a, b) => b.at.localeCompare(a.at));
    } catch {
      // The check for reports still tells their number.
    }
  }

  async send(flag: string, kind: ReportKind, text: string): Promise<void> {
    await api.report(flag, kind, text);
    await this.load(flag);
  }

  async dismiss(flag: string, id: Report["id"], reason: string): Promise<void> {
    await api.dismissReport(flag, id, reason);
    await this.load(flag);
  }
}

export const reports = new Reports();
