package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
)

func (a *app) accountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Make and list the accounts of an installation",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.createAccountCommand(), a.listAccountsCommand())
	return cmd
}

func (a *app) createAccountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create [ID]",
		Short: "Make another account",
		Long: `Make another account: a registry, signing profiles and users of its own, with
a root access key. ID is 12 digits; without one, any that is free. A running
service need not be restarted.`,
		Args: cobra.MaximumNArgs(1),
	}
	open := a.dataFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, settings, err := open()
		if err != nil {
			return err
		}
		id := ""
		if len(args) == 1 {
			id = args[0]
		}
		return withAccess(cmd.Context(), dir, settings, func(s *access.Service) error {
			made, _, err := s.CreateAccount(cmd.Context(), arn.AccountID(id))
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "Account %s is made. Be its root user with: %s\n", made.ID, takeUp(settings, string(made.ID)))
			return nil
		})
	}
	return cmd
}

func (a *app) listAccountsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the accounts",
		Args:  cobra.NoArgs,
	}
	open := a.dataFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, settings, err := open()
		if err != nil {
			return err
		}
		return withAccess(cmd.Context(), dir, settings, func(s *access.Service) error {
			all, err := s.Accounts(cmd.Context())
			for _, account := range all {
				fmt.Fprintf(a.Out, "%s  made %s\n", account.ID, account.CreatedAt.Format(time.RFC3339))
			}
			return err
		})
	}
	return cmd
}
