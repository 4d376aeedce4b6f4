package seal

func init() { testOnlyWorkFactor = 10 }
