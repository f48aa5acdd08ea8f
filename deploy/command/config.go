package command

import "fmt"

type configCommand struct {
	Print configPrint `cmd:"" help:"Print the configuration as it is in force, with comments; without passwords."`
	Check configCheck `cmd:"" help:"Check the configuration without connecting anywhere."`
}

type configPrint struct{}

func (configPrint) Help() string {
	return `A file to start from:
  afterclick config print > afterclick.yaml`
}

func (configPrint) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	_, err = a.out.Write(c.Print())
	return err
}

type configCheck struct{}

func (configCheck) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	for _, name := range c.Ignored {
		fmt.Fprintf(a.err, "afterclick: %s names no key and is ignored\n", name)
	}
	fmt.Fprintln(a.out, "the configuration is all right")
	return nil
}
